//! What is wrong with the fields of a form that stands for a part of a document, beside each.

use ringfence_platform::arrangement::FieldProblem;

use super::words::capital;

/// Everything that is wrong with a form.
#[derive(Default)]
pub(super) struct Wrong(pub(super) Vec<FieldProblem>);

impl Wrong {
    /// What is wrong with a field; what names none stands at `name`. A field's own name goes without saying there.
    pub(super) fn at(&self, field: &str) -> Option<String> {
        let shown_at = |problem: &FieldProblem| match problem.field.as_str() {
            "" => "name".to_owned(),
            "password_file" => "password".to_owned(),
            field => field.to_owned(),
        };
        let own_name = format!("`{field}` ");
        let of_field = self.0.iter().filter(|problem| shown_at(problem) == field);
        let texts: Vec<_> = of_field
            .map(|problem| {
                problem
                    .text
                    .strip_prefix(&own_name)
                    .unwrap_or(&problem.text)
            })
            .map(capital)
            .collect();
        (!texts.is_empty()).then(|| texts.join(". "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_stands_at_its_field_without_the_fields_own_name() {
        let problem = |field: &str, text: &str| FieldProblem {
            field: field.into(),
            text: text.into(),
        };
        let wrong = Wrong(vec![
            problem("country", "`country` expected two letters"),
            problem("password_file", "`password_file` expected"),
            problem("", "something else"),
        ]);
        assert_eq!(wrong.at("country").as_deref(), Some("Expected two letters"));
        assert_eq!(
            wrong.at("password").as_deref(),
            Some("`password_file` expected")
        );
        assert_eq!(wrong.at("name").as_deref(), Some("Something else"));
        assert_eq!(wrong.at("realm"), None);
    }
}
