//! Who is told when a rotation needs somebody: `[notify]`.

use std::time::Duration;

use super::model::Place;
use super::template::Template;

/// Who is told.
#[derive(Debug, Clone)]
pub struct Notify {
    /// How.
    pub via: NotifyVia,
    /// The longest time that it may take. Default: 30 seconds.
    pub within: Duration,
    /// Where it is declared.
    pub place: Place,
}

/// How somebody is told. Both ways get the same JSON.
#[derive(Debug, Clone)]
pub enum NotifyVia {
    /// A program on this machine and its arguments, for no shell; the JSON comes on its standard input.
    Run(Vec<String>),
    /// A URL that the JSON is posted to. It may hold a secret.
    Url(Template),
}
