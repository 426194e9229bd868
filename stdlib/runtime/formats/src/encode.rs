//! Rows to bytes: JSON objects and CSV rows.

use flow_core::column::Column;
use flow_core::fault::Fault;
use flow_core::json::{write_json, write_string};
use flow_core::text::write_text;
use flow_core::types::{Kind, Schema};

use crate::csv::write_cell;

/// Writes rows of one schema.
#[derive(Debug)]
pub struct RowEncoder {
    /// For each column what stands before its value in an object, and its kind.
    columns: Vec<(Vec<u8>, Kind)>,
    names: Vec<String>,
}

impl RowEncoder {
    /// An encoder of rows of `schema`.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let mut before = b'{';
        let columns = schema.fields.iter().map(|field| {
            let mut key = vec![before];
            write_string(&mut key, &field.name);
            key.push(b':');
            before = b',';
            (key, field.ty.kind.clone())
        });
        let columns = columns.collect();
        Self { columns, names: schema.fields.iter().map(|field| field.name.clone()).collect() }
    }

    /// Appends row `row` of `columns` as a JSON object without a line end.
    ///
    /// # Errors
    ///
    /// The first fault among its cells, in column order; `out` is then as before.
    pub fn json(&self, out: &mut Vec<u8>, columns: &[Column], row: usize) -> Result<(), Fault> {
        let start = out.len();
        if self.columns.is_empty() {
            out.push(b'{');
        }
        for ((key, kind), column) in self.columns.iter().zip(columns) {
            match column.cell(row) {
                Ok(cell) => {
                    out.extend_from_slice(key);
                    write_json(out, cell, kind);
                }
                Err(fault) => {
                    out.truncate(start);
                    return Err(fault);
                }
            }
        }
        out.push(b'}');
        Ok(())
    }

    /// Appends the header row of CSV with its line end.
    pub fn csv_header(&self, out: &mut Vec<u8>) {
        for (index, name) in self.names.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_cell(out, name.as_bytes());
        }
        out.push(b'\n');
    }

    /// Appends row `row` of `columns` as a CSV row with its line end: texts as [`write_text`] writes them, absent cells
    /// empty. An absent text and an empty one are written alike.
    ///
    /// # Errors
    ///
    /// The first fault among its cells, in column order; `out` is then as before.
    pub fn csv(&self, out: &mut Vec<u8>, columns: &[Column], row: usize) -> Result<(), Fault> {
        let start = out.len();
        let mut text = Vec::new();
        for (index, ((_, kind), column)) in self.columns.iter().zip(columns).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match column.cell(row) {
                Ok(cell) => {
                    text.clear();
                    write_text(&mut text, cell, kind);
                    // A row of one empty cell would be a blank line, which is no row.
                    if text.is_empty() && self.columns.len() == 1 {
                        out.extend_from_slice(b"\"\"");
                    } else {
                        write_cell(out, &text);
                    }
                }
                Err(fault) => {
                    out.truncate(start);
                    return Err(fault);
                }
            }
        }
        out.push(b'\n');
        Ok(())
    }
}
