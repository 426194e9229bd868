//! What expressions see from outside: parameters, the zone, bindings of a flow.

use std::sync::Arc;

use fec_ir::Ir;
use fec_model::expr::Expr;
use flow_core::fault::Fault;
use flow_core::types::Schema;
use flow_core::value::Value;
use flow_task::zone::zone;

use crate::error::LocalError;
use crate::expr::{Names, program};
use crate::specs::sources;
use crate::types::Enums;

/// Names and their values.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Where each name lies.
    pub names: Names,
    /// Values by slot.
    pub slots: Vec<Value>,
}

impl Environment {
    /// The environment of a plan: enumerations, the zone, and the solution's parameters.
    ///
    /// # Errors
    /// A time zone that this machine does not know, or a parameter whose value cannot be computed.
    pub fn new(ir: &Ir) -> Result<Self, LocalError> {
        let enums = Enums::new(&ir.enums);
        let sources = sources(ir, &enums);
        let names = Names { enums, zone: Arc::new(zone(&ir.timezone)?), sources, ..Names::default() };
        let mut environment = Self { names, slots: Vec::new() };
        for param in &ir.params {
            let value = environment
                .constant(&param.value, 0)?
                .map_err(|fault| LocalError::Program(format!("parameter `{}` has no value: {fault}", param.name)))?;
            environment.bind(&param.name, &param.ty, value);
        }
        Ok(environment)
    }

    /// Gives a name a value; a name that has one gets the new one.
    pub fn bind(&mut self, name: &str, ty: &fec_model::types::Type, value: Value) {
        let kind = self.names.enums.kind(&ty.kind);
        let slot = self.names.add(name, kind);
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, Value::Absent);
        }
        if let Some(place) = self.slots.get_mut(slot) {
            *place = value;
        }
    }

    /// The value of an expression that reads no row.
    ///
    /// # Errors
    /// An expression that cannot be compiled. The inner error is the value's own fault.
    pub fn constant(&self, expr: &Expr, now: i64) -> Result<Result<Value, Fault>, LocalError> {
        let schema = Schema { fields: Vec::new() };
        Ok(program(expr, &schema, &self.names)?.eval_row(&[], now, &self.slots))
    }
}
