//! Places in source text.

use serde::{Deserialize, Serialize};

/// A file of a [`Sources`](crate::Sources), by its number there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId(pub u32);

/// A range of bytes in one file: `start` included, `end` not.
///
/// Both lie on boundaries of characters of the file's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Byte offset of the first byte.
    pub start: u32,
    /// Byte offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end` of `file`.
    #[inline]
    pub const fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// The smallest range that holds both; `self` where `other` is in another file.
    #[inline]
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty range just before this one.
    pub const fn before(self) -> Span {
        Span { file: self.file, start: self.start, end: self.start }
    }

    /// The empty range just after this one.
    pub const fn after(self) -> Span {
        Span { file: self.file, start: self.end, end: self.end }
    }

    /// Length in bytes.
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Whether it holds no byte.
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether `offset` is one of its bytes.
    pub const fn contains(self, offset: u32) -> bool {
        self.start <= offset && offset < self.end
    }

    /// The bytes as a range of `usize`, to slice a text with `str::get`.
    pub const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_join_in_one_file_only() {
        let a = Span::new(FileId(0), 3, 5);
        let b = Span::new(FileId(0), 8, 9);
        assert_eq!(a.to(b), Span::new(FileId(0), 3, 9));
        assert_eq!(b.to(a), Span::new(FileId(0), 3, 9));
        assert_eq!(a.to(Span::new(FileId(1), 0, 9)), a);
        assert_eq!((a.before(), a.after()), (Span::new(FileId(0), 3, 3), Span::new(FileId(0), 5, 5)));
        assert!(a.contains(4) && !a.contains(5));
    }
}
