//! Who may send, and where to send back to.
