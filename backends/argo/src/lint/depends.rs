//! `depends`: names of tasks with an outcome, `!`, `&&`, `||` and parentheses.

/// A name with the outcome that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait<'a> {
    /// The task.
    pub task: &'a str,
    /// Its outcome: without one, that it succeeded, was skipped or is a daemon.
    pub outcome: Option<&'a str>,
}

const OUTCOMES: &[&str] =
    &["Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed"];

/// What an expression waits for; why it is none, where it is none.
pub fn parse(text: &str) -> Result<Vec<Wait<'_>>, String> {
    let mut parser = Parser { rest: text.trim_start(), waits: Vec::new(), depth: 0 };
    parser.either()?;
    if parser.rest.is_empty() { Ok(parser.waits) } else { Err(format!("`{}` is too much", parser.rest)) }
}

struct Parser<'a> {
    rest: &'a str,
    waits: Vec<Wait<'a>>,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn eat(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn either(&mut self) -> Result<(), String> {
        loop {
            self.one()?;
            if !self.eat("&&") && !self.eat("||") {
                return Ok(());
            }
        }
    }

    fn one(&mut self) -> Result<(), String> {
        while self.eat("!") {}
        if self.eat("(") {
            self.depth += 1;
            if self.depth > 50 {
                return Err("it is nested too deeply".to_owned());
            }
            self.either()?;
            self.depth -= 1;
            return if self.eat(")") { Ok(()) } else { Err("a parenthesis is never closed".to_owned()) };
        }
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        let (task, outcome) = match word.split_once('.') {
            Some((task, outcome)) => (task, Some(outcome)),
            None => (word, None),
        };
        if task.is_empty() {
            return Err("the name of a task is missing".to_owned());
        }
        if let Some(outcome) = outcome.filter(|outcome| !OUTCOMES.contains(outcome)) {
            return Err(format!("a task has no outcome `{outcome}`"));
        }
        self.waits.push(Wait { task, outcome });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let waits = parse("a && (b.Failed || !c.Succeeded)").expect("an expression");
        assert_eq!(waits.iter().map(|wait| wait.task).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(waits.get(1).and_then(|wait| wait.outcome), Some("Failed"));
        for bad in ["", "a &&", "a b", "(a", "a)", "a.Done", "&& a", "a & b"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
