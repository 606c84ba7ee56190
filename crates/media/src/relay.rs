//! The task that carries packets.
