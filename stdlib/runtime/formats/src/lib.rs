//! CSV, JSON lines and Parquet to batches and back.
