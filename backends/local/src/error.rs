//! What can keep a solution from running on this machine.

pub use flow_task::RunError as LocalError;
