//! Runs of workflows that are not over.

use jiff::Timestamp;
use serde::Deserialize;

use crate::http::encode_part;

use super::api::{Call, Github};
use super::error::GithubError;

/// The words by which a run that is not over can be asked for; one a request.
const UNFINISHED: [&str; 5] = ["requested", "queued", "pending", "waiting", "in_progress"];

/// Most entries on a page, by the description.
const PAGE: usize = 100;

/// A run that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSeen {
    /// Its number, unique in all of GitHub; it ends the run's URL.
    pub id: u64,
    /// When it was begun; a run that is done again keeps it.
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct Page {
    total_count: usize,
    workflow_runs: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: u64,
    created_at: String,
}

impl Github<'_> {
    /// All runs of a repository that wait or go on, oldest first. Needs the permission to read Actions.
    pub async fn unfinished_runs(&self, owner: &str, name: &str) -> Result<Vec<RunSeen>, GithubError> {
        let what = format!("workflow runs of {owner}/{name}");
        let base = format!("/repos/{}/{}/actions/runs", encode_part(owner), encode_part(name));
        let mut all: Vec<RunSeen> = Vec::new();
        for status in UNFINISHED {
            let mut seen = 0;
            for number in 1.. {
                let path = format!("{base}?status={status}&per_page={PAGE}&page={number}");
                let page: Page = self.read(&Call::get(&path, &what)).await?;
                seen += page.workflow_runs.len();
                let is_last = page.workflow_runs.is_empty() || seen >= page.total_count;
                for entry in page.workflow_runs {
                    let unreadable = |_| GithubError::Unreadable(what.clone());
                    let created_at = entry.created_at.parse().map_err(unreadable)?;
                    all.push(RunSeen { id: entry.id, created_at });
                }
                if is_last {
                    break;
                }
            }
        }
        // One that went from one status to the next meanwhile is seen twice.
        all.sort_by_key(|run| (run.created_at, run.id));
        all.dedup();
        Ok(all)
    }
}
