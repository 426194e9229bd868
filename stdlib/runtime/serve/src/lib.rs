//! The service engine: requests answered from the state that feature sets have reached.
//!
//! A service is data here: parameters, a route, and a [`Plan`] of statements whose expressions lie behind a trait, so that
//! interpreted programs and generated functions run in the same engine. [`Services`] knows no store: what it reads comes
//! through [`Reads`]. A request is a batch of one; its statements run in the order written.

mod body;
mod emits;
mod emitter;
mod endpoint;
mod error;
mod follow;
mod live;
mod plan;
mod reads;
mod relation;
mod run;
mod scalar;
mod services;
mod sets;
mod tables;

pub use emits::{Emits, Emitted};
pub use emitter::{Emitter, Writer, emitting};
pub use endpoint::{Health, serve};
pub use error::{RequestError, ServeError};
pub use flow_operators::expression::Generated;
pub use follow::Follower;
pub use live::LiveReads;
pub use plan::{Guard, Plan, Step, Work};
pub use reads::{Moment, Prediction, PublishedModel, Reads};
pub use relation::{Cells, Operators, Ordered, Relation, Rows, wired};
pub use run::{Fail, Run};
pub use scalar::{RowExpression, Scalar};
pub use services::{KeptView, Reply, Service, Services, Solution, View};
pub use sets::FeatureView;
pub use tables::Keyed;
