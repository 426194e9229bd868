//! Names of a solution as names of Rust: the one place that decides.
//!
//! A name of asol may be any text. In Rust it is of ASCII letters, digits and `_`, in the case that Rust wants, and no
//! keyword. Two names may become one; [`Names`] keeps them apart.

use std::collections::BTreeSet;

/// Words that are no names in Rust 2024, and macros of the runtime that read like names.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The name of a variable, function, field or module: `snake_case`.
#[must_use]
pub fn snake(name: &str) -> String {
    let words = short(words(name).join("_").to_lowercase());
    if KEYWORDS.contains(&words.as_str()) { format!("{words}_") } else { words }
}

/// The name of a type: `CamelCase`.
#[must_use]
pub fn camel(name: &str) -> String {
    let mut out = String::new();
    for word in words(name) {
        let is_upper = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
        let shouted = word.len() > 1 && word.chars().all(is_upper);
        for (number, letter) in word.chars().enumerate() {
            out.push(match number {
                0 => letter.to_ascii_uppercase(),
                _ if shouted => letter.to_ascii_lowercase(),
                _ => letter,
            });
        }
    }
    if out == "Self" { "Self_".to_owned() } else { out }
}

/// The name of a constant: `SCREAMING_CASE`.
#[must_use]
pub fn screaming(name: &str) -> String {
    short(words(name).join("_").to_uppercase())
}

/// The longest name: one that is longer ends here, as lines are laid out in which names are no longer.
const LONGEST: usize = 40;

/// A name that is not too long.
fn short(name: String) -> String {
    let cut: String = name.chars().take(LONGEST).collect();
    cut.trim_end_matches('_').to_owned()
}

/// The words of a name: runs of letters and digits, parted also where lower case meets upper case. There is at least one,
/// and the first begins with a letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        let plain = plain(letter);
        let part = plain.is_empty() || (before.is_lowercase() && letter.is_uppercase());
        if let Some(last) = words.last_mut() {
            if part && !last.is_empty() {
                words.push(plain);
            } else {
                last.push_str(&plain);
            }
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    match words.first_mut() {
        Some(first) if first.starts_with(|letter: char| letter.is_ascii_digit()) => first.insert(0, 'n'),
        Some(_) => {}
        None => words.push("x".to_owned()),
    }
    words
}

/// A letter in ASCII; nothing for what parts words.
fn plain(letter: char) -> String {
    match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_string(),
        'ä' => "ae".to_owned(),
        'ö' => "oe".to_owned(),
        'ü' => "ue".to_owned(),
        'Ä' => "Ae".to_owned(),
        'Ö' => "Oe".to_owned(),
        'Ü' => "Ue".to_owned(),
        'ß' => "ss".to_owned(),
        'à'..='å' => "a".to_owned(),
        'ç' => "c".to_owned(),
        'è'..='ë' => "e".to_owned(),
        'ì'..='ï' => "i".to_owned(),
        'ñ' => "n".to_owned(),
        'ò'..='õ' => "o".to_owned(),
        'ù'..='û' => "u".to_owned(),
        letter if letter.is_alphanumeric() => format!("u{:x}", u32::from(letter)),
        _ => String::new(),
    }
}

/// Names given so far in one scope.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// A scope in which some names are taken.
    #[must_use]
    pub fn with(taken: impl IntoIterator<Item = String>) -> Self {
        Self(taken.into_iter().collect())
    }

    /// Whether nothing has the name yet.
    #[must_use]
    pub fn is_free(&self, name: &str) -> bool {
        !self.0.contains(name)
    }

    /// The name itself if it is free, else with the least number from 2 that makes it so; it is taken from then on.
    pub fn fresh(&mut self, name: &str) -> String {
        let mut found = name.to_owned();
        let mut number = 1u32;
        while !self.0.insert(found.clone()) {
            number = number.saturating_add(1);
            found = format!("{}_{number}", name.trim_end_matches('_'));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_a_name() {
        for (name, as_snake, as_camel, as_screaming) in [
            ("amount", "amount", "Amount", "AMOUNT"),
            ("type", "type_", "Type", "TYPE"),
            ("y", "y", "Y", "Y"),
            ("1e3", "n1e3", "N1e3", "N1E3"),
            ("Card", "card", "Card", "CARD"),
            ("cardHolder", "card_holder", "CardHolder", "CARD_HOLDER"),
            ("top-10 of", "top_10_of", "Top10Of", "TOP_10_OF"),
            ("größe", "groesse", "Groesse", "GROESSE"),
            ("日本", "u65e5u672c", "U65e5u672c", "U65E5U672C"),
            ("", "x", "X", "X"),
            ("__", "x", "X", "X"),
            ("self", "self_", "Self_", "SELF"),
            ("NYC", "nyc", "Nyc", "NYC"),
            (
                "a23456789b23456789c23456789d234567890123",
                "a23456789b23456789c23456789d234567890123",
                "A23456789b23456789c23456789d234567890123",
                "A23456789B23456789C23456789D234567890123",
            ),
            (
                "a23456789b23456789c23456789d23456789012_4",
                "a23456789b23456789c23456789d23456789012",
                "A23456789b23456789c23456789d234567890124",
                "A23456789B23456789C23456789D23456789012",
            ),
        ] {
            assert_eq!(
                (snake(name).as_str(), camel(name).as_str(), screaming(name).as_str()),
                (as_snake, as_camel, as_screaming)
            );
        }
    }

    #[test]
    fn names_that_meet_are_kept_apart() {
        let mut names = Names::default();
        let given: Vec<String> =
            ["a", "a", "type_", "type_", "a_2"].into_iter().map(|name| names.fresh(name)).collect();
        assert_eq!(given, ["a", "a_2", "type_", "type_2", "a_2_2"]);
    }
}
