//! How far each kind of token reaches, as nom parsers. Lengths are in bytes.

use crate::token::Kind;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_until, take_while, take_while_m_n, take_while1};
use nom::character::complete::{char, digit1, one_of};
use nom::combinator::{opt, peek, recognize, verify};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

/// What ended a piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEnd {
    /// Its closing quote.
    Quote,
    /// The `{` of an interpolation.
    Brace,
    /// The end of its line.
    Line,
}

/// How much of `input` a parser takes; 0 where it does not fit.
fn length<'a, O>(
    mut parser: impl Parser<&'a str, Output = O, Error = nom::error::Error<&'a str>>,
    input: &'a str,
) -> usize {
    parser.parse(input).map_or(0, |(rest, _)| input.len() - rest.len())
}

/// Blanks and tabs.
pub fn blanks(input: &str) -> usize {
    length(take_while(|c| c == ' ' || c == '\t'), input)
}

/// To the end of the line, which is not included.
pub fn line(input: &str) -> usize {
    let len = length(take_till(|c| c == '\n'), input);
    if input.get(..len).is_some_and(|taken| taken.ends_with('\r')) { len - 1 } else { len }
}

/// A word: letters, digits and `_`, not beginning with a digit.
pub fn name(input: &str) -> usize {
    let start = verify(take_while_m_n(1, 1, |c: char| c == '_' || c.is_alphabetic()), |s: &str| !s.is_empty());
    length((start, take_while(|c: char| c == '_' || c.is_alphanumeric())), input)
}

/// Characters that begin nothing: up to a blank, an ASCII character or a letter; at least one.
pub fn unknown(input: &str) -> usize {
    let first = input.chars().next().map_or(0, char::len_utf8);
    let more = take_while(|c: char| !c.is_ascii() && !c.is_alphabetic() && !c.is_whitespace());
    first + input.get(first..).map_or(0, |rest| length(more, rest))
}

/// A text in the quotes of word processors, which is closed on its line and holds no other quotes and no braces.
pub fn curly_text(input: &str) -> Option<usize> {
    let open = input.chars().next()?;
    let is_end = |c: char| match open {
        '“' | '„' => c == '”' || c == '“',
        '‘' | '‚' => c == '’' || c == '‘',
        _ => false,
    };
    let rest = input.get(open.len_utf8()..)?;
    let (at, close) = rest.char_indices().find(|(_, c)| is_end(*c) || matches!(c, '\n' | '"' | '{' | '}' | '\\'))?;
    is_end(close).then(|| open.len_utf8() + at + close.len_utf8())
}

fn digits(count: usize) -> impl Fn(&str) -> IResult<&str, &str> {
    move |input| take_while_m_n(count, count, |c: char| c.is_ascii_digit()).parse(input)
}

fn date(input: &str) -> IResult<&str, &str> {
    recognize((digits(4), char('-'), digits(2), char('-'), digits(2))).parse(input)
}

fn clock(input: &str) -> IResult<&str, &str> {
    let seconds = (char(':'), digits(2), opt((char('.'), digit1)));
    let zone = alt((recognize(char('Z')), recognize((one_of("+-"), digits(2), char(':'), digits(2)))));
    recognize((char('T'), digits(2), char(':'), digits(2), opt(seconds), opt(zone))).parse(input)
}

/// A token that begins with a digit: number, share, duration, size, date or instant. What follows it without a blank is
/// part of it, so that `10x` is one wrong literal.
pub fn number(input: &str) -> (Kind, usize) {
    let tail = take_while(|c: char| c == '_' || c.is_alphanumeric());
    if let Ok((rest, _)) = date(input) {
        let (kind, rest) = match clock(rest) {
            Ok((rest, _)) => (Kind::Timestamp, rest),
            Err(_) => (Kind::Date, rest),
        };
        return (kind, input.len() - rest.len() + length(tail, rest));
    }
    let whole = take_while1(|c: char| c == '_' || c.is_ascii_digit());
    let fraction = preceded((char('.'), peek(digit1)), take_while1(|c: char| c == '_' || c.is_ascii_digit()));
    let Ok((rest, (_, fraction))) = (whole, opt(fraction)).parse(input) as IResult<&str, (&str, Option<&str>)> else {
        return (Kind::Unknown, input.chars().next().map_or(0, char::len_utf8));
    };
    let len = input.len() - rest.len();
    if rest.starts_with('%') {
        return (Kind::Percent, len + 1);
    }
    let unit = length(tail, rest);
    let kind = match (rest.get(..unit).unwrap_or(""), fraction) {
        ("", None) => Kind::Int,
        ("", Some(_)) => Kind::Number,
        ("B" | "KiB" | "MiB" | "GiB" | "TiB", _) => Kind::Size,
        ("us" | "ms" | "s" | "m" | "h" | "d", _) => Kind::Duration,
        _ => Kind::Int,
    };
    (kind, len + unit)
}

/// `"""…"""`, or nothing if it is never closed.
pub fn block_text(input: &str) -> Option<usize> {
    let parser: IResult<&str, &str> = delimited(tag("\"\"\""), take_until("\"\"\""), tag("\"\"\"")).parse(input);
    let (rest, _) = parser.ok()?;
    // A quote just before the closing ones is text: `"""say "no""""`.
    let more = length(take_while_m_n(0, 2, |c| c == '"'), rest);
    Some(input.len() - rest.len() + more)
}

/// `'…'` to its quote (`true`) or to the end of its line.
pub fn raw_text(input: &str) -> (usize, bool) {
    let parser: IResult<&str, &str> =
        delimited(char('\''), take_till(|c| c == '\'' || c == '\n'), char('\'')).parse(input);
    match parser {
        Ok((rest, _)) => (input.len() - rest.len(), true),
        Err(_) => (line(input), false),
    }
}

/// A piece of a text after its first byte (the quote, or the `}` of an interpolation), and what ended it.
pub fn text(input: &str) -> (usize, TextEnd) {
    let bytes = input.as_bytes();
    let mut at = 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => return (at + 1, TextEnd::Quote),
            Some(b'{') => return (at + 1, TextEnd::Brace),
            Some(b'\\') if !matches!(bytes.get(at + 1), None | Some(b'\n' | b'\r')) => {
                // `\u{…}` has a brace of its own.
                at += if input.get(at..).is_some_and(|rest| rest.starts_with("\\u{")) { 3 } else { 2 };
            }
            Some(b'\n') | None => {
                return (at - usize::from(at > 1 && bytes.get(at - 1) == Some(&b'\r')), TextEnd::Line);
            }
            Some(_) => at += 1,
        }
    }
}

/// From `{` to the `}` that matches it, by SQL's rules for strings, names and comments; nothing if there is none.
pub fn sql_body(input: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut rest = input;
    loop {
        let skipped: IResult<&str, &str> = take_till(|c| "{}'\"-/".contains(c)).parse(rest);
        let (at, _) = skipped.ok()?;
        let piece: IResult<&str, &str> = if at.starts_with("/*") {
            recognize((tag("/*"), take_until("*/"), tag("*/"))).parse(at)
        } else if at.starts_with("--") {
            recognize((tag("--"), take_till(|c| c == '\n'))).parse(at)
        } else if at.starts_with(['\'', '"']) {
            let quote = if at.starts_with('"') { '"' } else { '\'' };
            recognize((char(quote), take_till(move |c| c == quote), char(quote))).parse(at)
        } else {
            recognize(one_of("{}-/")).parse(at)
        };
        let (next, piece) = piece.ok()?;
        match piece {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        rest = next;
        if depth == 0 {
            return Some(input.len() - rest.len());
        }
    }
}
