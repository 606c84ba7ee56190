//! Calls: from the INVITE to the last row.
