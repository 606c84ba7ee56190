//! RTCP passed on.
