//! JSON records to cells, driven by the schema.

pub(crate) mod scan;

use flow_core::builder::ColumnBuilder;
use flow_core::fault::Fault;
use flow_core::functions::TimeUnit;
use flow_core::json::write_string;
use flow_core::types::{DataType, Field, Kind, RecordType};
use flow_core::value::{Cell, Value};
use scan::{Quoted, Scanner, SyntaxError};

use crate::scalar::{Form, push, short, value};

/// What stands before the value of each field where it is written without blanks, the comma behind the field before it
/// included: what [`JsonDecoder::record`] tries first.
pub(crate) fn keys(fields: &[Field]) -> Vec<Vec<u8>> {
    let key = |field: &Field| {
        let mut key = vec![b','];
        write_string(&mut key, &field.name);
        key.push(b':');
        key
    };
    fields.iter().map(key).collect()
}

/// A key of [`keys`] without its comma.
#[inline]
fn without_comma(key: &[u8]) -> &[u8] {
    key.get(1..).unwrap_or_default()
}

/// The cells of an object that has the fields of a type in their order, each of them plain and good; nothing where there is
/// more to it, for [`JsonDecoder::record`] to read. `keys` are the [`keys`] of the fields.
pub(crate) fn plain_record(
    text: &str,
    fields: &[Field],
    keys: &[Vec<u8>],
    unit: Option<TimeUnit>,
) -> Option<Vec<Value>> {
    let mut scanner = Scanner::new(text);
    scanner.eat(b'{').then_some(())?;
    let mut cells = Vec::with_capacity(fields.len());
    for (position, (field, key)) in fields.iter().zip(keys).enumerate() {
        if position == 0 || !scanner.eat_exactly(key) {
            (position == 0 || scanner.eat(b',')).then_some(())?;
            if !scanner.eat_key(without_comma(key)) {
                let key = scanner.key().ok()?;
                (!key.escaped && key.raw == field.name).then_some(())?;
            }
        }
        let cell = match scanner.peek()? {
            b'"' => {
                let quoted = scanner.string().ok().filter(|quoted| !quoted.escaped)?;
                value(quoted.raw, Form::String, &field.ty.kind, unit).ok()?
            }
            b'{' | b'[' => return None,
            _ => match scanner.word().ok()? {
                "null" if field.ty.optional => Value::Absent,
                word => value(word, Form::Word, &field.ty.kind, unit).ok()?,
            },
        };
        cells.push(cell);
    }
    scanner.eat(b'}').then_some(())?;
    scanner.end().ok()?;
    Some(cells)
}

/// Decodes objects of one record type.
#[derive(Debug)]
pub(crate) struct JsonDecoder {
    unit: Option<TimeUnit>,
    scratch: String,
}

impl JsonDecoder {
    /// A decoder whose numeric timestamps count `unit`s; without a unit they are malformed.
    pub(crate) fn new(unit: Option<TimeUnit>) -> Self {
        Self { unit, scratch: String::new() }
    }

    /// Adds one cell to each of `builders`, the columns of `fields`, or fails and leaves some with a cell more than others.
    /// `keys` are the [`keys`] of the fields.
    pub(crate) fn record(
        &mut self,
        text: &str,
        fields: &[Field],
        keys: &[Vec<u8>],
        builders: &mut [ColumnBuilder],
        row: usize,
    ) -> Result<(), SyntaxError> {
        let mut scanner = Scanner::new(text);
        if scanner.peek() != Some(b'{') {
            return scanner.fail("a JSON object");
        }
        self.object(&mut scanner, fields, keys, builders, row)?;
        scanner.end()
    }

    /// Adds the cell that a JSON value in a text of its own stands for; [`Fault::Malformed`] where it is none.
    pub(crate) fn cell(&mut self, text: &str, ty: &DataType, builder: &mut ColumnBuilder) {
        let row = builder.rows();
        let mut scanner = Scanner::new(text);
        if self.value(&mut scanner, ty, builder).and_then(|()| scanner.end()).is_err() {
            builder.truncate(row);
            builder.push_fault(Fault::Malformed);
        }
    }

    /// One object: fields in any order, the last of several with one name counting, unknown ones passed over.
    fn object(
        &mut self,
        scanner: &mut Scanner<'_>,
        fields: &[Field],
        keys: &[Vec<u8>],
        builders: &mut [ColumnBuilder],
        row: usize,
    ) -> Result<(), SyntaxError> {
        scanner.expect(b'{', "`{`")?;
        // The field that stands next where the record has them in the order of its type.
        let mut next = 0;
        let mut is_open = !scanner.eat(b'}');
        while is_open {
            let position = match keys.get(next) {
                Some(key) if scanner.eat_key(without_comma(key)) => Some(next),
                _ => {
                    let key = scanner.key()?;
                    self.position(scanner, key, fields)?
                }
            };
            let target = position.and_then(|position| Some((fields.get(position)?, builders.get_mut(position)?)));
            match target {
                Some((field, builder)) => {
                    if builder.rows() > row {
                        builder.truncate(row);
                    }
                    self.value(scanner, &field.ty, builder)?;
                    next = position.map_or(next, |position| position + 1);
                    // Those that follow in their order without a blank.
                    while let (Some(key), Some(field), Some(builder)) =
                        (keys.get(next), fields.get(next), builders.get_mut(next))
                        && builder.rows() == row
                        && scanner.eat_exactly(key)
                    {
                        self.value(scanner, &field.ty, builder)?;
                        next += 1;
                    }
                }
                None => {
                    scanner.skip()?;
                }
            }
            is_open = scanner.eat(b',');
            if !is_open {
                scanner.expect(b'}', "`,` or `}`")?;
            }
        }
        for (field, builder) in fields.iter().zip(builders) {
            if builder.rows() <= row {
                absent(&field.ty, builder);
            }
        }
        Ok(())
    }

    fn position(
        &mut self,
        scanner: &Scanner<'_>,
        key: Quoted<'_>,
        fields: &[Field],
    ) -> Result<Option<usize>, SyntaxError> {
        if !key.escaped {
            return Ok(fields.iter().position(|field| field.name == key.raw));
        }
        self.scratch.clear();
        match key.unescape(&mut self.scratch) {
            Some(()) => Ok(fields.iter().position(|field| field.name == self.scratch)),
            None => scanner.fail("a field's name that is a text"),
        }
    }

    /// Adds one cell of type `ty`.
    #[inline]
    fn value(
        &mut self,
        scanner: &mut Scanner<'_>,
        ty: &DataType,
        builder: &mut ColumnBuilder,
    ) -> Result<(), SyntaxError> {
        if let Some(text) = scanner.plain_string() {
            push(builder, text, Form::String, &ty.kind, self.unit);
            return Ok(());
        }
        match scanner.peek() {
            Some(b'"') => {
                let quoted = scanner.string()?;
                if !quoted.escaped {
                    push(builder, quoted.raw, Form::String, &ty.kind, self.unit);
                    return Ok(());
                }
                self.scratch.clear();
                match quoted.unescape(&mut self.scratch) {
                    Some(()) => push(builder, &self.scratch, Form::String, &ty.kind, self.unit),
                    None => builder.push_fault(Fault::Malformed),
                }
            }
            Some(b'{') => match &ty.kind {
                Kind::Record(record) => self.nested(scanner, record, builder)?,
                _ => mismatch(scanner, builder)?,
            },
            Some(b'[') => match &ty.kind {
                Kind::List(element) => self.list(scanner, element, builder)?,
                _ => mismatch(scanner, builder)?,
            },
            _ => {
                if let Some(number) = scanner.short_number()
                    && let Some(cell) = short(&number, &ty.kind, self.unit)
                {
                    scanner.pass(&number);
                    builder.push_cell(&cell);
                    return Ok(());
                }
                match scanner.word()? {
                    "null" => absent(ty, builder),
                    word => push(builder, word, Form::Word, &ty.kind, self.unit),
                }
            }
        }
        Ok(())
    }

    fn nested(
        &mut self,
        scanner: &mut Scanner<'_>,
        record: &RecordType,
        builder: &mut ColumnBuilder,
    ) -> Result<(), SyntaxError> {
        let row = builder.rows();
        match builder.fields() {
            Some(builders) => {
                self.object(scanner, &record.fields, &[], builders, row)?;
                builder.end_record();
                Ok(())
            }
            None => mismatch(scanner, builder),
        }
    }

    /// A list; one with a bad element is a bad cell as a whole.
    fn list(
        &mut self,
        scanner: &mut Scanner<'_>,
        element: &DataType,
        builder: &mut ColumnBuilder,
    ) -> Result<(), SyntaxError> {
        scanner.expect(b'[', "`[`")?;
        let mut elements = ColumnBuilder::new(&element.kind, 0);
        if !scanner.eat(b']') {
            loop {
                self.value(scanner, element, &mut elements)?;
                if !scanner.eat(b',') {
                    break;
                }
            }
            scanner.expect(b']', "`,` or `]`")?;
        }
        let elements = elements.finish();
        let values: Result<Vec<Value>, Fault> = (0..elements.rows()).map(|row| elements.value(row)).collect();
        match values {
            Ok(values) => builder.push(Ok(Cell::Cells(&Value::List(values.into())))),
            Err(fault) => builder.push_fault(fault),
        }
        Ok(())
    }
}

/// A missing field, `null` and an empty CSV cell: absent, or a bad cell where the type has no `?`.
pub(crate) fn absent(ty: &DataType, builder: &mut ColumnBuilder) {
    if ty.optional { builder.push_absent() } else { builder.push_fault(Fault::Malformed) }
}

/// A value of another shape than the type's is a bad cell.
fn mismatch(scanner: &mut Scanner<'_>, builder: &mut ColumnBuilder) -> Result<(), SyntaxError> {
    scanner.skip()?;
    builder.push_fault(Fault::Malformed);
    Ok(())
}
