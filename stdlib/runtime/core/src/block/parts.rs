//! An encoded block: its parts one behind the other, before them the length of each, so that every part is found at once.

use crate::bytes::DecodeError;

const LENGTH: usize = 4;

/// Encoded parts of which none was taken yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    lengths: &'a [[u8; LENGTH]],
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    /// So many parts, which are all of the bytes.
    #[inline]
    pub(super) fn read(bytes: &'a [u8], count: usize) -> Result<Self, DecodeError> {
        let (lengths, rest) = bytes.split_at_checked(count * LENGTH).ok_or(DecodeError)?;
        let (lengths, _) = lengths.as_chunks::<LENGTH>();
        let all: u64 = lengths.iter().map(|length| u64::from(u32::from_le_bytes(*length))).sum();
        if all == rest.len() as u64 { Ok(Self { lengths, rest }) } else { Err(DecodeError) }
    }

    /// The next part.
    #[inline]
    pub(super) fn next(&mut self) -> Result<&'a [u8], DecodeError> {
        let (length, lengths) = self.lengths.split_first().ok_or(DecodeError)?;
        let (part, rest) = self.rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(DecodeError)?;
        (self.lengths, self.rest) = (lengths, rest);
        Ok(part)
    }
}

/// Writes parts behind what is there already.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// Where the length of the next part goes.
    length: usize,
}

impl<'a> Writer<'a> {
    /// Of so many parts.
    pub(super) fn new(out: &'a mut Vec<u8>, count: usize) -> Self {
        let length = out.len();
        out.resize(length + count * LENGTH, 0);
        Self { out, length }
    }

    /// The next part.
    #[inline]
    pub(super) fn part(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        write(self.out);
        // One that is longer than its length can say is refused when it is read.
        let length = u32::try_from(self.out.len() - start).unwrap_or(u32::MAX);
        if let Some(place) = self.out.get_mut(self.length..self.length + LENGTH) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self.length += LENGTH;
    }
}
