//! The grammar of JSON over one record: where each value begins and ends. Nothing is converted here.

/// A record that is not JSON: what was expected, and the byte at which it was not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) expected: &'static str,
    pub(crate) at: usize,
}

/// A reader over the text of one record.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// What stands between the quotes of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quoted<'a> {
    pub(crate) raw: &'a str,
    /// Whether `raw` has escapes.
    pub(crate) escaped: bool,
}

/// A number as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShortNumber {
    /// Its digits as a whole number, with its sign.
    pub(crate) mantissa: i64,
    /// How many of them stand behind the point.
    pub(crate) places: u8,
    /// Its bytes.
    length: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) fn fail<T>(&self, expected: &'static str) -> Result<T, SyntaxError> {
        Err(SyntaxError { expected, at: self.at })
    }

    /// The next byte that is not white space, not consumed.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at)? {
            byte if *byte > b' ' => Some(*byte),
            // Mostly one blank alone.
            b' ' => {
                self.at += 1;
                let next = bytes.get(self.at).copied();
                if next.is_some_and(|byte| byte > b' ') { next } else { self.peek_behind() }
            }
            _ => self.peek_behind(),
        }
    }

    /// As [`Scanner::peek`], over any number of blanks.
    #[cold]
    fn peek_behind(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    /// Consumes `byte` if it is next.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Consumes `byte`, which must be next.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), SyntaxError> {
        if self.eat(byte) { Ok(()) } else { self.fail(expected) }
    }

    /// Consumes `key`, a field's name in quotes with its colon, if exactly that is next behind white space.
    #[inline]
    pub(crate) fn eat_key(&mut self, key: &[u8]) -> bool {
        self.peek();
        self.eat_exactly(key)
    }

    /// Consumes `text`, if exactly that is next, without white space before it.
    #[inline]
    pub(crate) fn eat_exactly(&mut self, text: &[u8]) -> bool {
        let found = self.text.as_bytes().get(self.at..).is_some_and(|rest| begins_with(rest, text));
        if found {
            self.at += text.len();
        }
        found
    }

    /// A string, which must be next.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Quoted<'a>, SyntaxError> {
        if let Some(raw) = self.plain_string() {
            return Ok(Quoted { raw, escaped: false });
        }
        self.expect(b'"', "a string")?;
        self.escaped_string()
    }

    /// What stands between the quotes of a string without escapes, if one is next, without white space before it; else
    /// nothing is consumed.
    #[inline(always)]
    pub(crate) fn plain_string(&mut self) -> Option<&'a str> {
        let rest = self.text.as_bytes().get(self.at..)?.strip_prefix(b"\"")?;
        let length = plain_length(rest);
        let start = self.at + 1;
        if rest.get(length) != Some(&b'"') {
            return None;
        }
        self.at = start + length + 1;
        self.text.get(start..start + length)
    }

    /// A number of at most 18 digits without exponent, if one is next, without white space before it. Nothing is consumed.
    #[inline]
    pub(crate) fn short_number(&self) -> Option<ShortNumber> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let (is_negative, unsigned) = rest.strip_prefix(b"-").map_or((false, rest), |unsigned| (true, unsigned));
        let (mut mantissa, mut length, mut point) = (0i64, 0, None);
        let end = loop {
            let byte = *unsigned.get(length)?;
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                // With too many digits it is no short number, whatever this is.
                mantissa = mantissa.wrapping_mul(10).wrapping_add(i64::from(digit));
            } else if byte == b'.' && point.is_none() {
                point = Some(length);
            } else {
                break byte;
            }
            length += 1;
        };
        let whole = point.unwrap_or(length);
        let places = point.map_or(0, |point| length - point - 1);
        let is_number = whole > 0
            && (point.is_none() || places > 0)
            && (whole == 1 || unsigned.first() != Some(&b'0'))
            && matches!(end, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
        if !is_number || whole + places > 18 {
            return None;
        }
        let mantissa = if is_negative { -mantissa } else { mantissa };
        Some(ShortNumber { mantissa, places: places as u8, length: usize::from(is_negative) + length })
    }

    /// Consumes a number that is next.
    #[inline]
    pub(crate) fn pass(&mut self, number: &ShortNumber) {
        self.at += number.length;
    }

    /// As [`Scanner::string`], behind its first quote.
    #[cold]
    fn escaped_string(&mut self) -> Result<Quoted<'a>, SyntaxError> {
        let start = self.at;
        let mut escaped = false;
        let bytes = self.text.as_bytes();
        loop {
            self.at += plain_length(bytes.get(self.at..).unwrap_or(&[]));
            match bytes.get(self.at) {
                Some(b'"') => {
                    let raw = self.text.get(start..self.at).unwrap_or("");
                    self.at += 1;
                    return Ok(Quoted { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.fail("no control character inside a string"),
                None => return self.fail("the end of the string"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u')
                if bytes.get(self.at + 2..self.at + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
            {
                self.at += 6;
            }
            _ => return self.fail("an escape such as \\n or \\u00e9"),
        }
        Ok(())
    }

    /// A number, `true`, `false` or `null`, which must be next, as it stands.
    #[inline]
    pub(crate) fn word(&mut self) -> Result<&'a str, SyntaxError> {
        let first = self.peek();
        let start = self.at;
        let bytes = self.text.as_bytes();
        let length = bytes
            .iter()
            .skip(start)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'))
            .count();
        let word = self.text.get(start..start + length).unwrap_or("");
        let known = match first {
            Some(b'-' | b'0'..=b'9') => is_number(word.as_bytes()),
            _ => matches!(word, "true" | "false" | "null"),
        };
        if !known {
            return self.fail("a value");
        }
        self.at += length;
        Ok(word)
    }

    /// Passes over one value of any kind and gives it as it stands. Depth costs memory, not stack.
    pub(crate) fn skip(&mut self) -> Result<&'a str, SyntaxError> {
        self.peek();
        let start = self.at;
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(bracket @ (b'{' | b'[')) => {
                    self.at += 1;
                    let close = bracket + 2;
                    if !self.eat(close) {
                        open.push(close);
                        if close == b'}' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(_) => {
                    self.word()?;
                }
                None => return self.fail("a value"),
            }
            loop {
                let Some(close) = open.last().copied() else {
                    return Ok(self.text.get(start..self.at).unwrap_or(""));
                };
                if self.eat(b',') {
                    if close == b'}' {
                        self.key()?;
                    }
                    break;
                }
                self.expect(close, if close == b'}' { "`,` or `}`" } else { "`,` or `]`" })?;
                open.pop();
            }
        }
    }

    /// `"name":`
    pub(crate) fn key(&mut self) -> Result<Quoted<'a>, SyntaxError> {
        if self.peek() != Some(b'"') {
            return self.fail("a field's name in quotes");
        }
        let name = self.string()?;
        self.expect(b':', "`:` after the field's name")?;
        Ok(name)
    }

    /// Only white space may be left.
    pub(crate) fn end(&mut self) -> Result<(), SyntaxError> {
        if self.peek().is_none() { Ok(()) } else { self.fail("nothing after the record") }
    }
}

/// Whether a text begins with a key. Few keys have less than 4 or more than 16 bytes: others are two words, which may overlap.
#[inline]
fn begins_with(text: &[u8], key: &[u8]) -> bool {
    #[inline]
    fn words<const N: usize>(text: &[u8], key: &[u8]) -> bool {
        text.first_chunk::<N>() == key.first_chunk::<N>() && text.last_chunk::<N>() == key.last_chunk::<N>()
    }
    let Some(head) = text.get(..key.len()) else { return false };
    match key.len() {
        8..=16 => words::<8>(head, key),
        4..=7 => words::<4>(head, key),
        _ => head == key,
    }
}

/// How many bytes come before the first quote, backslash or control character.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The lowest byte that is zero gets its high bit set; bytes above it may, too.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = quote | backslash | control;
        if found != 0 {
            return index * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    bytes.len() - tail.len() + tail.iter().position(special).unwrap_or(tail.len())
}

/// A number by JSON's grammar: no leading zero, no `+`, digits on both sides of the point.
fn is_number(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> Option<&[u8]> {
        let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 { None } else { text.get(length..) }
    }
    let rest = match text {
        [b'-', rest @ ..] => rest,
        rest => rest,
    };
    let rest = match rest {
        [b'0', rest @ ..] => Some(rest),
        rest => digits(rest),
    };
    let rest = match rest {
        Some([b'.', rest @ ..]) => digits(rest),
        rest => rest,
    };
    match rest {
        Some([b'e' | b'E', b'+' | b'-', rest @ ..] | [b'e' | b'E', rest @ ..]) => digits(rest) == Some(&[]),
        rest => rest == Some(&[]),
    }
}

impl Quoted<'_> {
    /// Appends the text that the quoted one stands for; `None` where a surrogate has no partner, which no text has.
    pub(crate) fn unescape(&self, out: &mut String) -> Option<()> {
        let mut rest = self.raw;
        while let Some((plain, after)) = rest.split_once('\\') {
            out.push_str(plain);
            let mut letters = after.chars();
            let letter = letters.next()?;
            rest = letters.as_str();
            out.push(match letter {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let unit = hex(&mut rest)?;
                    match unit {
                        0xd800..=0xdbff => {
                            rest = rest.strip_prefix("\\u")?;
                            let low = hex(&mut rest)?;
                            let low = (0xdc00..=0xdfff).contains(&low).then(|| low - 0xdc00)?;
                            char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + low)?
                        }
                        unit => char::from_u32(unit)?,
                    }
                }
                other => other,
            });
        }
        out.push_str(rest);
        Some(())
    }
}

fn hex(rest: &mut &str) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    u32::from_str_radix(digits, 16).ok()
}
