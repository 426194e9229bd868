//! One module a verb.

pub mod check;
pub mod compile;
pub mod explain;
pub mod fmt;
pub mod graph;
pub mod init;
pub mod run;
pub mod show;
pub mod simulate;
pub mod test;
