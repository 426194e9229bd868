//! What an expression sees: where the names that it reads lie at run time.

use std::collections::BTreeMap;

use fec_model::Symbol;
use fec_model::types::{Column, Type};

use crate::types::Modules;

/// The row and the values from outside that an expression is printed over.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    columns: Vec<Column>,
    right: Vec<Column>,
    bindings: BTreeMap<String, (usize, Type)>,
    slots: BTreeMap<String, (usize, Type)>,
    enums: BTreeMap<Symbol, Vec<Symbol>>,
    modules: Modules,
}

/// Where a value is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place<'a> {
    /// Among the values from outside, not in the row.
    pub slot: bool,
    pub position: usize,
    pub ty: &'a Type,
}

impl Scope {
    /// Expressions over rows of `columns`.
    #[must_use]
    pub fn row(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), ..Self::default() }
    }

    /// A join's condition: rows hold the left columns and then those of `right`.
    #[must_use]
    pub fn right(mut self, right: &[Column]) -> Self {
        self.right = right.to_vec();
        self
    }

    /// The members of every enumeration.
    #[must_use]
    pub fn enums(mut self, enums: &BTreeMap<Symbol, Vec<Symbol>>) -> Self {
        self.enums.clone_from(enums);
        self.modules = Modules::of(enums);
        self
    }

    /// A parameter or binding that is a value from outside, by its position there.
    #[must_use]
    pub fn slot(mut self, name: &str, position: usize, ty: &Type) -> Self {
        self.slots.insert(name.to_owned(), (position, ty.clone()));
        self
    }

    /// A parameter or binding that is a cell of the row itself, as in a service. It hides a slot of the same name.
    #[must_use]
    pub fn binding(mut self, name: &str, position: usize, ty: &Type) -> Self {
        self.bindings.insert(name.to_owned(), (position, ty.clone()));
        self
    }

    pub(crate) fn column(&self, name: &str) -> Option<Place<'_>> {
        let position = self.columns.iter().position(|column| column.name == name)?;
        self.columns.get(position).map(|column| Place { slot: false, position, ty: &column.ty })
    }

    pub(crate) fn right_column(&self, name: &str) -> Option<Place<'_>> {
        let position = self.right.iter().position(|column| column.name == name)?;
        let column = self.right.get(position)?;
        Some(Place { slot: false, position: self.columns.len() + position, ty: &column.ty })
    }

    pub(crate) fn outside(&self, name: &str) -> Option<Place<'_>> {
        match (self.bindings.get(name), self.slots.get(name)) {
            (Some((position, ty)), _) => Some(Place { slot: false, position: *position, ty }),
            (None, Some((position, ty))) => Some(Place { slot: true, position: *position, ty }),
            (None, None) => None,
        }
    }

    pub(crate) fn all_enums(&self) -> &BTreeMap<Symbol, Vec<Symbol>> {
        &self.enums
    }

    pub(crate) fn modules(&self) -> &Modules {
        &self.modules
    }

    pub(crate) fn members(&self, name: &str) -> Option<&[Symbol]> {
        self.enums.get(name).map(Vec::as_slice)
    }
}
