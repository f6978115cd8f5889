//! Templates: how a variable's value is made from secrets.
// TEMPORARY on branch `import`: the real file comes with branch `schema`; take that one whole.

use crate::name::SecretName;

/// A compiled template.
#[derive(Debug, Clone)]
pub struct Template {
    source: String,
    references: Vec<SecretName>,
    alias: bool,
}

impl Template {
    /// Stand-in for the real parser.
    pub fn parse(source: &str) -> Self {
        let names = source.split("{{").skip(1).filter_map(|part| {
            SecretName::parse(part.split(['}', '|']).next().unwrap_or_default().trim()).ok()
        });
        let references: Vec<_> = names.collect();
        let alias = references.len() == 1
            && source.starts_with("{{")
            && source.ends_with("}}")
            && !source.contains('|');
        Self { source: source.to_owned(), references, alias }
    }

    /// The one secret that it stands for, if it is a single plain reference.
    pub fn is_alias(&self) -> Option<&SecretName> {
        self.references.first().filter(|_| self.alias)
    }

    /// The secrets that it names.
    pub fn references(&self) -> &[SecretName] {
        &self.references
    }

    /// As it stands in the schema.
    pub fn source(&self) -> &str {
        &self.source
    }
}
