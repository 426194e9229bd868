//! Names, each kept once.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{LazyLock, Mutex, PoisonError};

use hashbrown::HashSet;
use serde::{Serialize, Serializer};

/// A name of a program: of a declaration, column, field, binding. Equal names are one text in memory, so that a copy costs
/// nothing and two names are compared without reading them. The texts stay until the process ends; a program
/// has few different ones.
///
/// # Example
/// `assert_eq!(Symbol::new("amount"), "amount");`
#[derive(Clone, Copy)]
pub struct Symbol(&'static Text);

/// A text behind one pointer, so that a name has the size of a pointer itself.
struct Text(Box<str>);

/// All names so far.
static KNOWN: LazyLock<Mutex<HashSet<Symbol>>> = LazyLock::new(|| Mutex::new(HashSet::new()));

impl Symbol {
    /// The name that is written so.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // A set is whole after any panic: an insertion is its only change.
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        *known.get_or_insert_with(text, |text| Self(Box::leak(Box::new(Text(text.into())))))
    }

    /// Its text.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        &self.0.0
    }
}

impl Default for Symbol {
    fn default() -> Self {
        Self::new("")
    }
}

impl PartialEq for Symbol {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Symbol {}

impl PartialOrd for Symbol {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of the texts.
impl Ord for Symbol {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other { Ordering::Equal } else { self.as_str().cmp(other.as_str()) }
    }
}

/// As the text, so that what is kept by name can be asked for with a text.
impl Hash for Symbol {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for Symbol {
    #[inline]
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Symbol {
    #[inline]
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Deref for Symbol {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<&str> for Symbol {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Symbol {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}

impl From<String> for Symbol {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<Symbol> for String {
    fn from(name: Symbol) -> Self {
        name.as_str().to_owned()
    }
}

/// Comparisons with texts, both ways round.
macro_rules! compared_with {
    ($($text:ty),*) => {$(
        impl PartialEq<$text> for Symbol {
            #[inline]
            fn eq(&self, other: &$text) -> bool {
                let other: &str = other.as_ref();
                self.as_str() == other
            }
        }

        impl PartialEq<Symbol> for $text {
            #[inline]
            fn eq(&self, other: &Symbol) -> bool {
                other == self
            }
        }
    )*};
}

compared_with!(str, &str, String);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn equal_names_are_one_text() {
        let made: String = ["am", "ount"].concat();
        let (a, b) = (Symbol::new("amount"), Symbol::from(made));
        assert!(std::ptr::eq(a.as_str(), b.as_str()));
        assert_eq!(a, b);
        assert_ne!(a, Symbol::new("amounts"));
        let text = "amount";
        assert_eq!(a, text);
        assert_eq!(text, a);
        assert_eq!(a, text.to_owned());
    }

    #[test]
    fn names_are_ordered_and_found_by_their_text() {
        let names: BTreeSet<Symbol> = ["b", "a", "", "ab"].into_iter().map(Symbol::new).collect();
        assert_eq!(names.iter().map(Symbol::as_str).collect::<Vec<_>>(), ["", "a", "ab", "b"]);
        assert!(names.contains("ab") && !names.contains("c"));
        let hashed: HashSet<Symbol> = names.into_iter().collect();
        assert!(hashed.contains("ab") && !hashed.contains("c"));
    }

    #[test]
    fn threads_agree_on_a_name() {
        let names: Vec<Symbol> = std::thread::scope(|scope| {
            let made: Vec<_> = (0..8).map(|_| scope.spawn(|| Symbol::new("made by several threads"))).collect();
            made.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(names.windows(2).all(|pair| matches!(pair, [a, b] if a == b)));
    }

    #[test]
    fn it_prints_as_its_text() {
        let name = Symbol::new("a\"b");
        assert_eq!(format!("{name}|{name:>5}|{name:?}"), "a\"b|  a\"b|\"a\\\"b\"");
        assert_eq!(Symbol::default(), "");
    }
}
