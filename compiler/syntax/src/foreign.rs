//! Words of SQL and of curly-brace languages that mean nothing here, with what is written instead.

use fec_diagnostics::{Diagnostic, Span};

/// What stands here for a word of another language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// Another word, in its place.
    Named(&'static str),
    /// Something else, which this says.
    Written(&'static str),
}

use Foreign::{Named, Written};

impl Foreign {
    /// Adds to what is found wrong at the word, which stands at `span`, how it is mended.
    #[must_use]
    pub fn mends(self, found: Diagnostic, span: Span) -> Diagnostic {
        match self {
            Named(ours) => found.fix(format!("write `{ours}`"), span, ours),
            Written(help) => found.help(help),
        }
    }
}

/// A declaration's keyword.
pub(crate) fn declaration(word: &str) -> Option<Foreign> {
    Some(match word {
        "fn" | "def" | "fun" | "function" | "proc" | "procedure" => Named("func"),
        "class" | "struct" | "interface" | "record" | "schema" => Named("type"),
        "import" | "include" | "require" => Named("use"),
        "from" => Written("names of a module are made known with `use std.ml.{ gbdt, split }`"),
        "const" | "let" | "var" | "val" | "static" | "config" => {
            Written("a value of the whole solution is a `param`, as in `param limit: int = 5`")
        }
        "table" | "topic" | "create" | "CREATE" => {
            Written("data come from a `source`, as in `source shops: table<Shop> key id { file: \"shops.csv\" }`")
        }
        "query" | "select" | "SELECT" | "with" | "WITH" => {
            Written("a query is a `view`, as in `view large = payments |> where amount > 100`")
        }
        "pipeline" | "workflow" | "batch" | "dag" => Named("job"),
        "api" | "endpoint" | "handler" | "server" => Named("service"),
        "package" | "module" | "namespace" | "project" => Written("a solution begins with `solution name`"),
        "pub" | "public" | "private" => Written("what a solution declares is known in all of it"),
        _ => return None,
    })
}

/// The word that begins a statement.
pub(crate) fn statement(word: &str) -> Option<Foreign> {
    Some(match word {
        "insert" | "INSERT" | "into" | "write" | "print" | "println" | "log" | "output" | "yield" => {
            Written("rows go to a sink with `emit rows to sink`")
        }
        "select" | "SELECT" => Written("a query is a pipeline, as in `large = payments |> where amount > 100`"),
        "while" | "loop" | "foreach" | "forEach" => {
            Written("there are no loops: what happens to each row is said with `|> where`, `|> derive`, `|> select`")
        }
        "elif" | "elsif" | "elseif" => Written("write `else if`, behind the `}`"),
        "switch" | "case" | "CASE" => Written("cases are told apart with `match x { a -> { … } else -> { … } }`"),
        "try" | "catch" | "throw" | "raise" => {
            Written("a row that cannot be computed goes to the dead letters; a binding of a service has a `@fallback`")
        }
        _ => return None,
    })
}

/// An operator behind `|>`.
#[must_use]
pub fn operator(word: &str) -> Option<Foreign> {
    Some(match word {
        "filter" | "having" | "WHERE" => Named("where"),
        "SELECT" | "project" => Named("select"),
        "map" | "extend" | "mutate" | "transform" | "assign" | "withColumn" => {
            Written("columns are computed with `derive` or `select`")
        }
        "order" | "orderby" | "order_by" | "ORDER" => Written("rows are ordered with `sort by`"),
        "limit" | "head" | "LIMIT" => Written("the first rows are `take n`"),
        "aggregate" | "agg" | "summarize" | "summarise" | "groupby" | "group_by" | "GROUP" | "reduce" | "fold" => {
            Written("rows are aggregated with `group by k { n = count() }`")
        }
        "emit" => Written("`emit` stands before its pipeline: `emit x |> … to sink`"),
        "inner" => Written("`join` alone keeps the rows that have a partner; `left join` keeps all of the left"),
        "outer" | "right" | "full" | "cross" | "JOIN" => {
            Written("joins are `join`, `left join`, `semi join` and `anti join`, each with `on`")
        }
        "unique" | "dedupe" | "deduplicate" | "DISTINCT" => Written("one row of each key is `distinct by k`"),
        "concat" | "merge" | "UNION" => Named("union"),
        "remove" | "exclude" => Named("drop"),
        _ => return None,
    })
}

/// Whether a word stands elsewhere for one that an operator has here.
pub(crate) fn stands_for(word: &str, ours: &str) -> bool {
    let theirs: &[&str] = match ours {
        "as" => &["to", "into", "AS"],
        "by" => &["on", "per", "BY"],
        "row" => &["rows", "self", "current"],
        "ties" => &["tie"],
        _ => &[],
    };
    theirs.contains(&word)
}

/// An order of rows.
pub(crate) fn order(word: &str) -> Option<&'static str> {
    Some(match word {
        "ascending" | "ASC" => "asc",
        "descending" | "DESC" | "reverse" | "reversed" => "desc",
        _ => return None,
    })
}

/// A function.
#[must_use]
pub fn function(word: &str) -> Option<Foreign> {
    Some(match word.to_ascii_lowercase().as_str() {
        "avg" | "average" => Named("mean"),
        "std" | "stddev_samp" => Named("stddev"),
        "variance" | "var_samp" => Named("var"),
        "stddev_pop" | "var_pop" => {
            Written("`var` and `stddev` are those of a sample: they divide by one less than the number of rows")
        }
        "len" | "size" | "char_length" => Named("length"),
        "count_unique" | "countdistinct" | "nunique" | "uniq" | "approx_count_distinct" => Named("count_distinct"),
        "coalesce" | "ifnull" | "nvl" | "isnull" => {
            Written("the first value that is there is `a ?? b`, and whether one is, `a != null`")
        }
        "nullif" => Written("a value that may be none is `if a == b then null else a`"),
        "if" | "iif" | "iff" => Written("a choice is `if … then … else …`"),
        "concat" => Written("texts are put together in a text: `\"{a}{b}\"`"),
        "cast" | "convert" | "try_cast" => {
            Written("a type is a function: `int(x)`, `float(x)`, `decimal(x, 12, 2)`, `string(x)`")
        }
        "str" | "to_string" | "tostring" | "text" | "to_char" => Named("string"),
        "to_int" | "toint" | "parse_int" | "parseint" | "integer" => Named("int"),
        "to_float" | "tofloat" | "parse_float" | "parsefloat" | "double" => Named("float"),
        "substr" => Named("substring"),
        "lcase" | "tolower" | "lowercase" | "to_lower" => Named("lower"),
        "ucase" | "toupper" | "uppercase" | "to_upper" => Named("upper"),
        "strip" => Named("trim"),
        "ceiling" => Named("ceil"),
        "power" => Named("pow"),
        "log" => Named("ln"),
        "datediff" | "date_diff" | "timestampdiff" | "timediff" => {
            Written("the time between two instants is `a - b`, a duration; in seconds, `seconds(a - b)`")
        }
        "date_add" | "dateadd" | "date_sub" | "datesub" => Written("an instant and a duration are added: `at + 1h`"),
        "now" | "current_timestamp" | "getdate" | "sysdate" => {
            Written("`now` is a value, without parentheses: the instant of the row, the request or the job")
        }
        "sliding" | "tumbling" | "hopping" | "tumble" | "hop" => {
            Written("a window is a duration, and looks back from each row: `count() over 1h`")
        }
        "dayofweek" | "day_of_week" | "dow" => Named("weekday"),
        _ => return None,
    })
}

/// A type.
#[must_use]
pub fn ty(word: &str) -> Option<Foreign> {
    Some(match word.to_ascii_lowercase().as_str() {
        "int" | "integer" | "long" | "short" | "bigint" | "smallint" | "tinyint" | "i8" | "i16" | "i32" | "i64"
        | "u8" | "u16" | "u32" | "u64" | "int8" | "int16" | "int32" | "int64" | "uint" => Named("int"),
        "float" | "double" | "real" | "f32" | "f64" | "float32" | "float64" => Named("float"),
        "number" => Written("numbers are `int`, `float` and `decimal(12, 2)`"),
        "decimal" | "numeric" | "money" | "bigdecimal" => Written("a decimal has digits and scale: `decimal(12, 2)`"),
        "bool" | "boolean" | "bit" => Named("bool"),
        "string" | "str" | "text" | "varchar" | "char" | "nvarchar" | "uuid" => Named("string"),
        "bytes" | "blob" | "binary" | "bytea" => Named("bytes"),
        "date" => Named("date"),
        "timestamp" | "datetime" | "timestamptz" | "instant" | "time" => Named("timestamp"),
        "duration" | "interval" | "timedelta" => Named("duration"),
        "optional" | "option" | "nullable" | "maybe" => Written("what may be absent has a `?` behind its type: `int?`"),
        "list" | "array" | "vec" | "vector" | "seq" | "slice" => Written("a list has a type of items: `list<int>`"),
        "object" | "struct" | "record" | "json" | "dict" => {
            Written("a record names its fields: `{ id: string, n: int }`")
        }
        _ => return None,
    })
}

/// A value.
#[must_use]
pub fn value(word: &str) -> Option<Foreign> {
    Some(match word {
        "None" | "nil" | "NULL" | "Null" | "undefined" | "none" => Named("null"),
        "True" | "TRUE" => Named("true"),
        "False" | "FALSE" => Named("false"),
        "default" | "otherwise" => Written("all other cases are `else -> …`"),
        "switch" => Written("a choice is `if … then … else …`, or `match x { a -> … else -> … }`"),
        "CURRENT_TIMESTAMP" | "current_timestamp" => Named("now"),
        _ => return None,
    })
}

/// An attribute.
#[must_use]
pub fn attribute(word: &str) -> Option<Foreign> {
    Some(match word {
        "route" | "path" | "http" | "endpoint" | "api" => {
            Written("a service has a route with `@get(\"/shops/:shop\")` or `@post(\"/score\")`")
        }
        "cron" | "every" | "scheduled" => Written("as in `@schedule(\"0 2 * * *\", timezone: \"Europe/Berlin\")`"),
        "retries" => Named("retry"),
        _ => return None,
    })
}

/// A named argument of a training.
#[must_use]
pub fn training(word: &str) -> Option<Foreign> {
    Some(match word {
        "target" | "y" | "objective" | "labels" => Named("label"),
        "inputs" | "columns" | "x" | "X" => Named("features"),
        "n_estimators" | "num_trees" | "n_trees" | "rounds" | "iterations" => Named("trees"),
        "max_depth" => Named("depth"),
        "eta" | "lr" | "rate" => Named("learning_rate"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_of_other_languages_are_named_here() {
        for (words, ours) in [
            ("fn def fun function proc procedure", "func"),
            ("class struct interface record schema", "type"),
            ("import include require", "use"),
        ] {
            for word in words.split(' ') {
                assert_eq!(declaration(word), Some(Named(ours)), "{word}");
            }
        }
    }
}
