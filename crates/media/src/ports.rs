//! Pairs of UDP ports.
