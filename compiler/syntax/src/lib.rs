//! Text to tokens with trivia, tokens to a tree with error nodes, and the one format.

pub mod ast;
mod lexer;
mod literal;
mod scan;
mod token;

pub use lexer::{Lexed, lex};
pub use token::{Kind, Token};
