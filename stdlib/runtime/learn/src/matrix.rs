//! Training and test data by columns.

use std::collections::BTreeMap;

use flow_core::trees::{Ensemble, FeatureKind, Input};

use crate::LearnError;

/// What a column takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Numbers; `bool` as 0 and 1.
    Numeric,
    /// Texts.
    Categorical,
}

/// Rows of features by columns: `rows` × `columns` cells, each present or missing.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    columns: Vec<Column>,
    rows: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) data: Data,
}

#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// NaN where missing.
    Numbers(Vec<f64>),
    /// Positions in the list of texts, `MISSING` where missing.
    Texts { texts: Vec<String>, codes: Vec<u32>, known: BTreeMap<String, u32> },
}

/// The code of a missing text.
const MISSING: u32 = u32::MAX;

impl Matrix {
    /// A matrix without rows.
    #[must_use]
    pub fn new<N: Into<String>>(columns: impl IntoIterator<Item = (N, ColumnKind)>) -> Self {
        let data = |kind| match kind {
            ColumnKind::Numeric => Data::Numbers(Vec::new()),
            ColumnKind::Categorical => Data::Texts { texts: Vec::new(), codes: Vec::new(), known: BTreeMap::new() },
        };
        let columns = columns.into_iter().map(|(name, kind)| Column { name: name.into(), data: data(kind) }).collect();
        Self { columns, rows: 0 }
    }

    /// Adds a row: one cell a column, in their order.
    ///
    /// # Errors
    /// The row has too few or too many cells, or a cell is not of its column's kind; it is then not added.
    pub fn push(&mut self, row: &[Input<'_>]) -> Result<(), LearnError> {
        if row.len() != self.columns.len() {
            return Err(LearnError::RowLength { cells: row.len(), columns: self.columns.len() });
        }
        for (column, cell) in self.columns.iter().zip(row) {
            let expected = match (&column.data, cell) {
                (Data::Numbers(_), Input::Text(_)) => "numbers",
                (Data::Texts { .. }, Input::Number(_)) => "texts",
                _ => continue,
            };
            return Err(LearnError::CellKind { column: column.name.clone(), expected });
        }
        for (column, cell) in self.columns.iter_mut().zip(row) {
            match &mut column.data {
                Data::Numbers(numbers) => numbers.push(match cell {
                    Input::Number(number) if number.is_finite() => *number,
                    _ => f64::NAN,
                }),
                Data::Texts { texts, codes, known } => codes.push(match cell {
                    Input::Text(text) => code(texts, known, text),
                    _ => MISSING,
                }),
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns' names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The model's prediction for each row. Columns are found by name; those that the model does not use are ignored.
    ///
    /// # Errors
    /// A feature of the model has no column of its kind.
    pub fn predict(&self, model: &Ensemble) -> Result<Vec<f64>, LearnError> {
        let columns: Vec<Encoded<'_>> = model
            .features()
            .iter()
            .enumerate()
            .map(|(position, feature)| {
                let column = self.columns.iter().find(|column| column.name == feature.name);
                match (column.map(|column| &column.data), &feature.kind) {
                    (Some(Data::Numbers(numbers)), FeatureKind::Numeric) => Ok(Encoded::Numbers(numbers)),
                    (Some(Data::Texts { texts, codes, .. }), FeatureKind::Categorical(_)) => {
                        let encode = |text: &String| model.encode(position, Input::Text(text));
                        Ok(Encoded::Texts { codes, encoded: texts.iter().map(encode).collect() })
                    }
                    _ => Err(LearnError::MissingColumn(feature.name.clone())),
                }
            })
            .collect::<Result<_, _>>()?;
        let mut row = vec![None; columns.len()];
        let predictions = (0..self.rows).map(|at| {
            for (cell, column) in row.iter_mut().zip(&columns) {
                *cell = column.cell(at);
            }
            model.predict(&row)
        });
        Ok(predictions.collect())
    }
}

fn code(texts: &mut Vec<String>, known: &mut BTreeMap<String, u32>, text: &str) -> u32 {
    if let Some(code) = known.get(text) {
        return *code;
    }
    match u32::try_from(texts.len()) {
        Ok(code) if code < MISSING => {
            texts.push(text.to_owned());
            known.insert(text.to_owned(), code);
            code
        }
        _ => MISSING,
    }
}

/// A column as a model reads it.
enum Encoded<'a> {
    Numbers(&'a [f64]),
    Texts { codes: &'a [u32], encoded: Vec<Option<f64>> },
}

impl Encoded<'_> {
    fn cell(&self, row: usize) -> Option<f64> {
        match self {
            Self::Numbers(numbers) => numbers.get(row).copied().filter(|number| !number.is_nan()),
            Self::Texts { codes, encoded } => encoded.get(*codes.get(row)? as usize).copied().flatten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_checked_against_the_columns() {
        let mut data = Matrix::new([("x", ColumnKind::Numeric), ("c", ColumnKind::Categorical)]);
        data.push(&[Input::Number(1.0), Input::Text("a")]).unwrap();
        data.push(&[Input::Missing, Input::Missing]).unwrap();
        let short = data.push(&[Input::Number(1.0)]).unwrap_err();
        assert_eq!(short.to_string(), "a row of 1 cells for 2 columns");
        let wrong = data.push(&[Input::Number(1.0), Input::Number(2.0)]).unwrap_err();
        assert_eq!(wrong.to_string(), "the column `c` takes texts");
        assert_eq!(data.rows(), 2);
        // What no threshold can tell from others is missing.
        for number in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            data.push(&[Input::Number(number), Input::Text("a")]).unwrap();
        }
        let Data::Numbers(numbers) = &data.columns()[0].data else { panic!("a column of numbers") };
        assert_eq!(numbers.iter().map(|number| number.is_nan()).collect::<Vec<_>>(), [false, true, true, true, true]);
        assert_eq!(data.names().collect::<Vec<_>>(), ["x", "c"]);
    }
}
