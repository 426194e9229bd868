//! Little-endian integers and length-prefixed bytes, as the log's files hold them.

/// Appends `bytes` with their length before them.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}

/// Appends a `u32`.
pub fn put_u32(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(&n.to_le_bytes());
}

/// Appends a `u64`.
pub fn put_u64(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_le_bytes());
}

/// Appends an `i64`.
pub fn put_i64(out: &mut Vec<u8>, n: i64) {
    out.extend_from_slice(&n.to_le_bytes());
}

/// Reads what the `put` functions wrote; every read is nothing once the bytes run out.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next bytes with a length before them.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()?;
        self.take(len as usize)
    }

    /// The next text with a length before it.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        let [byte] = *self.rest.first_chunk::<1>()?;
        self.take(1)?;
        Some(byte)
    }

    /// The next `u32`.
    pub fn u32(&mut self) -> Option<u32> {
        let bytes = *self.rest.first_chunk::<4>()?;
        self.take(4)?;
        Some(u32::from_le_bytes(bytes))
    }

    /// The next `u64`.
    pub fn u64(&mut self) -> Option<u64> {
        let bytes = *self.rest.first_chunk::<8>()?;
        self.take(8)?;
        Some(u64::from_le_bytes(bytes))
    }

    /// The next `i64`.
    pub fn i64(&mut self) -> Option<i64> {
        let bytes = *self.rest.first_chunk::<8>()?;
        self.take(8)?;
        Some(i64::from_le_bytes(bytes))
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}
