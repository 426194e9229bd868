//! The words of a file.

/// What a token is. Trivia (blanks, line ends, comments) are tokens too: the text of all tokens, in order, is the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Blanks and tabs.
    Blank,
    /// One line end.
    Newline,
    /// `// …`, without its line end.
    Comment,
    /// `/// …`, without its line end.
    Doc,
    /// A name, or a word that means something only where it stands.
    Ident,
    /// `and`.
    And,
    /// `or`.
    Or,
    /// `not`.
    Not,
    /// `in`.
    In,
    /// `if`.
    If,
    /// `then`.
    Then,
    /// `else`.
    Else,
    /// `match`.
    Match,
    /// `for`.
    For,
    /// `yield`.
    Yield,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `null`.
    Null,
    /// `div`.
    Div,
    /// `mod`.
    Mod,
    /// `1_000`.
    Int,
    /// `0.5`.
    Number,
    /// `80%`.
    Percent,
    /// `30s`.
    Duration,
    /// `512MiB`.
    Size,
    /// `2026-01-01`.
    Date,
    /// `2026-01-01T00:00:00Z`.
    Timestamp,
    /// `"…"` without interpolation.
    Text,
    /// `"…{`.
    TextOpen,
    /// `}…{`.
    TextMiddle,
    /// `}…"`.
    TextClose,
    /// A text that its line ended: from its quote, or from a `}`, to the end of the line.
    TextBroken,
    /// The empty end of an interpolation that its line ended.
    TextCut,
    /// `'…'`.
    RawText,
    /// `"""…"""`.
    BlockText,
    /// `sql { … }`.
    Sql,
    /// `(`.
    LeftParen,
    /// `)`.
    RightParen,
    /// `[`.
    LeftBracket,
    /// `]`.
    RightBracket,
    /// `{`.
    LeftBrace,
    /// `}`.
    RightBrace,
    /// `,`.
    Comma,
    /// `:`.
    Colon,
    /// `=`.
    Assign,
    /// `.`.
    Dot,
    /// `..`.
    DotDot,
    /// `..=`.
    DotDotEqual,
    /// `->`.
    Arrow,
    /// `|>`.
    Pipe,
    /// `@`.
    At,
    /// `?`.
    Question,
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterEqual,
    /// `??`.
    Coalesce,
    /// `+`.
    Plus,
    /// `-`.
    Minus,
    /// `*`.
    Star,
    /// `/`.
    Slash,
    /// Characters that begin no token; a diagnostic was given.
    Unknown,
    /// The end of the file.
    End,
}

impl Kind {
    /// Whether it has no meaning: blanks, line ends and comments.
    pub const fn is_trivia(self) -> bool {
        matches!(self, Kind::Blank | Kind::Newline | Kind::Comment | Kind::Doc)
    }

    /// Whether it is a reserved word.
    pub const fn is_reserved(self) -> bool {
        self as u8 >= Kind::And as u8 && self as u8 <= Kind::Mod as u8
    }

    /// Whether it is a literal that is one token.
    pub const fn is_literal(self) -> bool {
        (self as u8 >= Kind::Int as u8 && self as u8 <= Kind::Text as u8)
            || matches!(
                self,
                Kind::True | Kind::False | Kind::Null | Kind::RawText | Kind::BlockText | Kind::TextBroken
            )
    }
}

/// A token: its kind and its bytes `start..end` in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Byte offset of its first byte.
    pub start: u32,
    /// Byte offset after its last byte.
    pub end: u32,
}

impl Token {
    /// Its text in the file that it was read from.
    pub fn text(self, file: &str) -> &str {
        file.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// The kind of a word: a reserved one, or a name.
pub fn word(text: &str) -> Kind {
    match text {
        "and" => Kind::And,
        "or" => Kind::Or,
        "not" => Kind::Not,
        "in" => Kind::In,
        "if" => Kind::If,
        "then" => Kind::Then,
        "else" => Kind::Else,
        "match" => Kind::Match,
        "for" => Kind::For,
        "yield" => Kind::Yield,
        "true" => Kind::True,
        "false" => Kind::False,
        "null" => Kind::Null,
        "div" => Kind::Div,
        "mod" => Kind::Mod,
        _ => Kind::Ident,
    }
}
