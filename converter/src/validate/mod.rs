//! Are the outputs right, and how far are they off?
