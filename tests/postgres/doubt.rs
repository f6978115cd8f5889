//! What is no answer is never read as one.

use super::*;
