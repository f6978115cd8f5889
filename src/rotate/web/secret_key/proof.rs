//! What an application says that it runs on, held against what it must run on.

use serde_json::Value;

/// What an application is to run on.
pub(super) struct Expected {
    key: &'static str,
    /// The key that must be among the fallbacks.
    fallback: Option<&'static str>,
    /// Whether what each key signs is accepted.
    current: bool,
    pending: bool,
}

impl Expected {
    /// What must be so after a step.
    pub(super) fn after(step: &str) -> Option<Self> {
        let expected = |key, fallback, current, pending| Some(Self { key, fallback, current, pending });
        match step {
            "accepted" | "accepted-again" => expected("current", Some("pending"), true, true),
            "signs" => expected("pending", Some("current"), true, true),
            "dropped" | "replaced" => expected("pending", None, false, true),
            "restored" => expected("current", None, true, false),
            _ => None,
        }
    }

    /// What of the application's answer is not as it must be.
    pub(super) fn objection(&self, found: &Value) -> Option<String> {
        let word = |name: &str| if name == "current" { "old" } else { "new" };
        if found["key"] != self.key {
            return Some(format!("does not sign with the {} key", word(self.key)));
        }
        let listed =
            |name: &str| found["fallbacks"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        if let Some(name) = self.fallback.filter(|name| !listed(name)) {
            return Some(format!("does not have the {} key among its fallbacks", word(name)));
        }
        if found["loads_wrong"] != false {
            return Some("accepts what a key has signed that nobody has".to_owned());
        }
        for (name, wanted) in [("current", self.current), ("pending", self.pending)] {
            if found["loads"][name] != wanted {
                let does = if wanted { "refuses" } else { "accepts" };
                return Some(format!("{does} what the {} key signs", word(name)));
            }
        }
        if found["loads_earlier"].as_bool().is_some_and(|loads| loads != self.current) {
            let does = if self.current { "refuses" } else { "accepts" };
            return Some(format!("{does} what was signed before the rotation"));
        }
        None
    }

    /// What was seen where nothing is objected to.
    pub(super) fn seen(&self) -> &'static str {
        match (self.key, self.current, self.pending) {
            ("current", true, true) => "signs with the old key and accepts both, and no other",
            ("pending", true, true) => "signs with the new key and accepts both, and no other",
            ("pending", ..) => "signs with the new key and accepts no other",
            _ => "signs with the old key and accepts no other",
        }
    }
}
