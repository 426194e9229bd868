//! Names that a cluster takes, whatever the solution calls things.
//!
//! A name that fits stays as it is. One that does not is made to fit and ends in a hash of what was declared, so that it
//! is stable and two different names stay different. What a unit is called has exactly one `-` or a hash, and what is
//! added to a solution's name (`-data`, `-workflow-runner`) is never such a name's end, so that no two objects of a kind
//! meet.

use crate::deployment::{Deployment, Unit};

/// The longest name of a unit's objects: controllers add up to eleven characters, and 63 is the limit of what they
/// then use as a label. A `CronWorkflow` has this limit, too.
pub const UNIT: usize = 52;
/// The longest label, value of a label, port or container.
pub const LABEL: usize = 63;
/// The longest name of most objects.
pub const OBJECT: usize = 253;

/// A name of small letters, digits and `-` that begins with a letter, ends with a letter or digit, and has at most
/// `most` characters.
///
/// # Example
/// `scoring-score` stays, `1e3` becomes `x-1e3-` and eight hexadecimal digits.
#[must_use]
pub fn object(declared: &str, most: usize) -> String {
    let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = declared.len() <= most
        && declared.starts_with(|c: char| c.is_ascii_lowercase())
        && declared.ends_with(small)
        && declared.chars().all(|c| small(c) || c == '-');
    if fits {
        return declared.to_owned();
    }
    let mut stem = String::new();
    for c in declared.chars().map(|c| c.to_ascii_lowercase()) {
        match c {
            c if small(c) => stem.push(c),
            _ if !stem.is_empty() && !stem.ends_with('-') => stem.push('-'),
            _ => {}
        }
    }
    if !stem.starts_with(|c: char| c.is_ascii_lowercase()) {
        stem.insert_str(0, "x-");
    }
    let hash = format!("{:08x}", folded(hash(declared.as_bytes())));
    stem.truncate(most.saturating_sub(hash.len() + 1));
    let stem = stem.trim_end_matches('-');
    format!("{stem}-{hash}")
}

/// A name that may have dots: that of a secret, which is there already and so stays as it is where it can.
#[must_use]
pub fn subdomain(declared: &str) -> String {
    let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part =
        |part: &str| part.starts_with(small) && part.ends_with(small) && part.chars().all(|c| small(c) || c == '-');
    let fits = declared.len() <= OBJECT && declared.split('.').all(part);
    if fits { declared.to_owned() } else { object(declared, OBJECT) }
}

/// A value of a label: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, or nothing.
#[must_use]
pub fn label(text: &str) -> String {
    let end = |c: char| c.is_ascii_alphanumeric();
    let fits = text.len() <= LABEL
        && text.chars().all(|c| end(c) || "-_.".contains(c))
        && (text.is_empty() || (text.starts_with(end) && text.ends_with(end)));
    if fits { text.to_owned() } else { object(text, LABEL) }
}

/// The name of an object of the whole solution: `SOLUTION-end`.
#[must_use]
pub fn of_solution(deployment: &Deployment<'_>, end: &str) -> String {
    object(&format!("{}-{end}", deployment.ir.name), UNIT)
}

/// The name of the objects of a unit.
#[must_use]
pub fn of_unit(unit: &Unit) -> String {
    object(&unit.name, UNIT)
}

/// The name of a file among others that are there in any case: `name`, with a hash of it where it is one of theirs.
#[must_use]
pub fn beside(name: String, others: &[&str]) -> String {
    if others.contains(&name.as_str()) { format!("{name}-{:08x}", folded(hash(name.as_bytes()))) } else { name }
}

/// The solution's name as a value of labels and a part of the names of images.
#[must_use]
pub fn solution(deployment: &Deployment<'_>) -> String {
    object(&deployment.ir.name, LABEL)
}

/// A hash of some bytes that is the same everywhere and always: FNV-1a of 64 bits.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Half of a hash, made of both halves.
pub(crate) fn folded(hash: u64) -> u64 {
    (hash ^ (hash >> 32)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: &[&str] = &[
        "",
        "-",
        "1e3",
        "On",
        "a_b",
        "a.b",
        "a b",
        "\u{652f}\u{4ed8}",
        "\u{652f}\u{4ed9}",
        "A",
        "a-",
        "x--",
        "e\u{301}t\u{e9}",
        "0x10",
        "..",
        "a/b",
        "\n",
    ];

    #[test]
    fn what_fits_stays() {
        for name in ["scoring-score", "y", "on", "n", "null", "e3", "a1"] {
            assert_eq!(object(name, UNIT), name);
        }
        for most in [UNIT, LABEL, OBJECT] {
            let (fits, longer) = ("a".repeat(most), "a".repeat(most + 1));
            assert_eq!((object(&fits, most), object(&longer, most) == longer), (fits, false));
        }
        assert_eq!(subdomain("my.secret-1"), "my.secret-1");
        let long = format!("a.{}", "b".repeat(OBJECT));
        assert!(subdomain(&long).len() <= OBJECT, "{}", subdomain(&long));
        for text in ["", "1.0.0", "A_b.c-D", "x".repeat(LABEL).as_str()] {
            assert_eq!(label(text), text);
        }
        for text in ["-a", "a_", ".5", "x".repeat(LABEL + 1).as_str(), "a b"] {
            let made = label(text);
            assert!(made != text && !made.is_empty() && made.len() <= LABEL, "{text}: {made}");
        }
    }

    #[test]
    fn every_name_is_valid_different_and_within_its_limit() {
        let long: Vec<String> = (0..40).map(|n| format!("{}{n}", "abcdefghij".repeat(n % 8))).collect();
        let names: Vec<&str> = ODD.iter().copied().chain(long.iter().map(String::as_str)).collect();
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            for most in [UNIT, LABEL, OBJECT] {
                let made = object(name, most);
                assert!(made.len() <= most, "{name:?}: {made}");
                assert!(made.starts_with(|c: char| c.is_ascii_lowercase()), "{name:?}: {made}");
                assert!(!made.ends_with('-'), "{name:?}: {made}");
                assert!(made.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{made}");
                assert_eq!(made, object(name, most));
                assert!(label(name).len() <= LABEL);
            }
            assert!(seen.insert(object(name, UNIT)), "{name:?} meets another");
        }
    }

    #[test]
    fn names_are_the_same_in_each_version() {
        // Names of what is deployed: another hash would leave the old objects behind.
        assert_eq!(object("1e3", UNIT), "x-1e3-533254c0");
        assert_eq!(object("my_shop-data", UNIT), "my-shop-data-d385b035");
        assert_eq!(object("my__shop_", UNIT), format!("my-shop-{:08x}", folded(hash(b"my__shop_"))));
        assert_eq!(label("1.0.0"), "1.0.0");
    }
}
