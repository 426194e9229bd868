//! Text to tokens with trivia, tokens to a tree with error nodes, and the one format.

pub mod ast;
