//! Tables for people and for documents.

use std::fmt;

pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// The first column is text; the others are figures.
    pub fn new(columns: &[&'static str]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.columns.join(" | "))?;
        writeln!(f, "|---|{}", "--:|".repeat(self.columns.len().saturating_sub(1)))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))
    }
}

/// A figure and the most it should be: one that is more, as far as is shown, stands out.
pub fn against_goal(figure: f64, goal: f64, decimals: i32) -> String {
    let scale = 10_f64.powi(decimals);
    let shown = (figure * scale).round() / scale;
    let places = usize::try_from(decimals).unwrap_or_default();
    match shown <= goal {
        true => format!("{shown:.places$}"),
        false => format!("**{shown:.places$}, over**"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(&["function", "ms"]);
        table.row(["get-me".to_owned(), against_goal(1.51, 1.4, 1)]);
        table.row(["get-tenant".to_owned(), against_goal(1.44, 1.4, 1)]);
        assert_eq!(
            table.to_string(),
            "| function | ms |\n|---|--:|\n| get-me | **1.5, over** |\n| get-tenant | 1.4 |\n"
        );
    }
}
