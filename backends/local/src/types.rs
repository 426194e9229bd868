//! The compiler's types and constants in the runtime's words.

use std::collections::BTreeMap;
use std::sync::Arc;

use fec_model::Symbol;
use fec_model::expr::Literal;
use fec_model::types as model;
use flow_core::types::{DataType, EnumType, Field, Kind, RecordType, Schema};
use flow_core::value::Value;

/// Members of every enumeration.
#[derive(Debug, Clone, Default)]
pub struct Enums(BTreeMap<String, Arc<EnumType>>);

impl Enums {
    /// The enumerations of a plan.
    #[must_use]
    pub fn new(enums: &BTreeMap<Symbol, Vec<Symbol>>) -> Self {
        let shared = |(name, members): (&Symbol, &Vec<Symbol>)| {
            (name.to_string(), Arc::new(EnumType { name: name.to_string(), members: names(members) }))
        };
        Self(enums.iter().map(shared).collect())
    }

    /// A type as the runtime knows it.
    #[must_use]
    pub fn data_type(&self, ty: &model::Type) -> DataType {
        DataType { kind: self.kind(&ty.kind), optional: ty.optional }
    }

    /// A kind as the runtime knows it. A type that was never found out is a bool nobody reads.
    #[must_use]
    pub fn kind(&self, kind: &model::Kind) -> Kind {
        match kind {
            model::Kind::Error | model::Kind::Null | model::Kind::Bool => Kind::Bool,
            model::Kind::Int => Kind::Int,
            model::Kind::Float => Kind::Float,
            model::Kind::Decimal { precision, scale } => Kind::Decimal { precision: *precision, scale: *scale },
            model::Kind::String => Kind::String,
            model::Kind::Bytes => Kind::Bytes,
            model::Kind::Date => Kind::Date,
            model::Kind::Timestamp => Kind::Timestamp,
            model::Kind::Duration => Kind::Duration,
            model::Kind::Enum(name) => {
                let missing = || Arc::new(EnumType { name: name.to_string(), members: Vec::new() });
                Kind::Enum(self.0.get(name.as_str()).cloned().unwrap_or_else(missing))
            }
            model::Kind::List(element) => Kind::List(Arc::new(self.data_type(element))),
            model::Kind::Record(record) => Kind::Record(Arc::new(self.schema(&record.fields))),
        }
    }

    /// Columns as the runtime knows them.
    #[must_use]
    pub fn schema(&self, columns: &[model::Column]) -> Schema {
        let field = |column: &model::Column| Field { name: column.name.to_string(), ty: self.data_type(&column.ty) };
        RecordType { fields: columns.iter().map(field).collect() }
    }
}

/// A constant as a cell.
#[must_use]
pub fn value(literal: &Literal) -> Value {
    match literal {
        Literal::Null => Value::Absent,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(value) | Literal::Timestamp(value) | Literal::Duration(value) => Value::Int(*value),
        Literal::Float(value) => Value::Float(*value),
        Literal::Decimal(value) => Value::Decimal(value.get()),
        Literal::String(value) => Value::String(value.as_str().into()),
        Literal::Date(days) => Value::Int(i64::from(*days)),
        Literal::Member(index) => Value::Int(i64::from(*index)),
    }
}

/// Names as texts of their own, as the runtime keeps them.
pub(crate) fn names(names: &[Symbol]) -> Vec<String> {
    names.iter().map(Symbol::to_string).collect()
}
