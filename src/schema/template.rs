//! Templates: how a variable's value is made from secrets.

/// A compiled template.
#[derive(Debug, Clone)]
pub struct Template;
