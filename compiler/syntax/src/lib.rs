//! Text to tokens with trivia, tokens to a tree with error nodes, and the one format.
//!
//! ```
//! use fec_diagnostics::FileId;
//!
//! let parsed = fec_syntax::parse(FileId(0), "type Payment { id: string, amount: decimal(12, 2) }\n");
//! assert_eq!(parsed.file.items.len(), 1);
//! assert!(parsed.diagnostics.is_empty());
//! ```

pub mod ast;
pub mod foreign;
mod format;
mod lexer;
mod literal;
mod parser;
mod scan;
mod symbol;
mod token;

pub use lexer::{Lexed, lex};
pub use symbol::Symbol;
pub use token::{Kind, Token};

use fec_diagnostics::{Diagnostic, FileId, in_source_order};

/// A file as read: a tree, whatever the text is, and what is wrong with it.
#[derive(Debug)]
pub struct Parsed {
    /// The tree; `Error` nodes stand where the text could not be read.
    pub file: ast::File,
    /// Lexical and syntactic mistakes, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file. It never fails and takes time linear in the text.
pub fn parse(file: FileId, text: &str) -> Parsed {
    let lexed = lex(file, text);
    let read = parser::parse(file, text, &lexed.tokens, lexed.diagnostics);
    Parsed { file: read.tree, diagnostics: in_source_order(read.diagnostics) }
}

/// The file in the one format. It keeps all words and comments, and the line ends between them; it decides on blanks,
/// indentation and columns, and breaks pipelines that are too long.
///
/// # Errors
///
/// The mistakes of a file that cannot be read: it is left as it is. Their file is `FileId(0)`.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let lexed = lex(FileId(0), text);
    let read = parser::parse(FileId(0), text, &lexed.tokens, lexed.diagnostics);
    if read.diagnostics.is_empty() {
        return Ok(format::format(text, &lexed.tokens, &read.words));
    }
    Err(in_source_order(read.diagnostics))
}
