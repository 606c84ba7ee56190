//! One coherent RTP stream toward a side.
