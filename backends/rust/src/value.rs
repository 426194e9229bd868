//! What the printer knows of a piece of Rust: whether it may be absent, and who owns it.

use fec_model::types::Kind;

use crate::code::Code;

/// How a value is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A plain value that is copied.
    Plain,
    /// `&str` of the row or a constant.
    Str,
    /// `&str` of a variable.
    LocalStr,
    /// `String`.
    String,
    /// `Cow<'_, str>`.
    Cow,
    /// `&Value` of the row.
    Ref,
    /// `&Value` of a variable.
    LocalRef,
    /// `Value`.
    Value,
}

/// Code that gives a value, or an `Option` of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub code: Code,
    pub optional: bool,
    pub form: Form,
    /// A name for a variable that holds it.
    pub name: String,
}

impl Piece {
    pub fn new(code: Code, form: Form, name: &str) -> Self {
        Self { code, optional: false, form, name: name.to_owned() }
    }

    pub fn plain(code: Code, name: &str) -> Self {
        Self::new(code, Form::Plain, name)
    }

    pub fn optional(self, optional: bool) -> Self {
        Self { optional, ..self }
    }

    /// Whether it is the absent value itself.
    pub fn is_none(&self) -> bool {
        matches!(&self.code, Code::Atom(text) if text == "None")
    }

    /// Whether a fault may come out of it.
    pub fn tries(&self) -> bool {
        self.code.tries()
    }

    /// Whether it is a value of its own, and not one that something else holds.
    pub fn is_owned(&self) -> bool {
        matches!(self.form, Form::String | Form::Cow | Form::Value)
    }

    /// As an argument of a function that borrows texts and lists.
    pub fn argument(&self) -> Code {
        match &self.code {
            // A text that was copied so that it is held: the function borrows what was copied.
            Code::Method(text, name, arguments)
                if self.form == Form::String && name == "to_owned" && arguments.is_empty() =>
            {
                (**text).clone()
            }
            code if self.is_owned() => code.clone().prefix("&"),
            code => code.clone(),
        }
    }

    /// As a `&str` or `&Value`, or an `Option` of one; plain values as they are.
    pub fn borrowed(&self) -> Code {
        let code = self.code.clone();
        match (self.form, self.optional) {
            _ if self.is_none() => code,
            (Form::String, false) => code.method("as_str", []),
            (Form::Cow, false) => code.method("as_ref", []),
            (Form::String | Form::Cow, true) => code.method("as_deref", []),
            (Form::Value, false) => code.prefix("&"),
            (Form::Value, true) => code.method("as_ref", []),
            _ => code,
        }
    }

    /// As another form, and optional or not.
    pub fn into_form(self, form: Form, optional: bool) -> Code {
        if self.is_none() {
            return self.code;
        }
        let conversion = match (self.form, form) {
            (Form::Str | Form::LocalStr, Form::String) => Some(("to_owned", "str::to_owned")),
            (Form::Cow, Form::String) => Some(("into_owned", "Cow::into_owned")),
            (Form::Str | Form::LocalStr | Form::String, Form::Cow) => Some(("", "Cow::from")),
            (Form::Ref | Form::LocalRef, Form::Value) => Some(("clone", "")),
            _ => None,
        };
        let code = match (conversion, self.optional) {
            (None, _) => self.code,
            (Some(("clone", _)), true) => self.code.method("cloned", []),
            (Some((_, path)), true) => self.code.method("map", [Code::atom(path)]),
            (Some(("", path)), false) => Code::call(path, [self.code]),
            (Some((method, _)), false) => self.code.method(method, []),
        };
        if optional && !self.optional { code.some() } else { code }
    }
}

/// The form in which values of both forms can be held.
pub(crate) fn common(a: Form, b: Form) -> Form {
    match (a, b) {
        (a, b) if a == b => a,
        (Form::Str | Form::LocalStr, Form::Str | Form::LocalStr) => Form::LocalStr,
        (Form::Ref | Form::LocalRef, Form::Ref | Form::LocalRef) => Form::LocalRef,
        (Form::Ref | Form::LocalRef | Form::Value, _) => Form::Value,
        (Form::Plain, Form::Plain) => Form::Plain,
        // A `Cow` outlives the variables of the function, and must not lend from them.
        (Form::LocalStr, _) | (_, Form::LocalStr) => Form::String,
        _ => Form::Cow,
    }
}

/// The form that outlives the variables of the function.
pub(crate) fn lasting(form: Form) -> Form {
    match form {
        Form::LocalStr => Form::String,
        Form::LocalRef => Form::Value,
        form => form,
    }
}

/// How cells of a kind are read from a row: the reader, and the form that it gives.
pub(crate) fn reader(kind: &Kind) -> (&'static str, Form) {
    match kind {
        Kind::Error | Kind::Null | Kind::Bool => ("bool", Form::Plain),
        Kind::Int | Kind::Date | Kind::Timestamp | Kind::Duration | Kind::Enum(_) => ("int", Form::Plain),
        Kind::Float => ("float", Form::Plain),
        Kind::Decimal { .. } => ("decimal", Form::Plain),
        Kind::String => ("string", Form::Str),
        Kind::Bytes => ("bytes", Form::Plain),
        Kind::List(_) => ("list", Form::Ref),
        Kind::Record(_) => ("value", Form::Value),
    }
}

/// The type in Rust of a value of a kind in a form.
pub(crate) fn rust_type(kind: &Kind, form: Form) -> &'static str {
    match (kind, form) {
        (_, Form::Str | Form::LocalStr) => "&str",
        (_, Form::String) => "String",
        (_, Form::Cow) => "Cow<'_, str>",
        (_, Form::Ref | Form::LocalRef) => "&Value",
        (_, Form::Value) => "Value",
        (Kind::Error | Kind::Null | Kind::Bool, Form::Plain) => "bool",
        (Kind::Float, Form::Plain) => "f64",
        (Kind::Decimal { .. }, Form::Plain) => "i128",
        (Kind::Bytes, Form::Plain) => "&[u8]",
        (_, Form::Plain) => "i64",
    }
}
