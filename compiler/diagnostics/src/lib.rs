//! Diagnostics as data: spans, codes, labels, help, fixes, and their renderers.
