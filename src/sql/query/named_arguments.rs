//! Records the models, agents, functions and tools that arguments name, as in `ML_PREDICT('m', …)`.

use super::walker::QueryWalker;
use crate::sql::{ObjectKind, Usage, names::model_name, script::parse_qualified_name};

impl QueryWalker<'_, '_> {
    /// Records the objects that the arguments of `function` name, which are between the tokens `first` and `end`.
    pub(super) fn add_named_arguments(&mut self, function: &str, first: usize, end: usize) {
        let object = match function {
            "AI_RUN_AGENT" => ObjectKind::Agent,
            "ML_PREDICT" | "ML_EVALUATE" | "ML_EVALUATE_ALL" | "AI_COMPLETE" | "AI_EMBEDDING" | "AI_TOOL_INVOKE" => {
                ObjectKind::Model
            }
            _ => return,
        };
        let arguments = self.script.list_items(first, end);
        if let Some(&argument) = arguments.first() {
            self.add_named_object(object, argument, end);
        }
        if function == "AI_TOOL_INVOKE" {
            // `AI_TOOL_INVOKE(model, prompt, functions, tools, settings)`: both maps lead from a name to a description.
            for (place, &argument) in arguments.iter().enumerate().skip(2) {
                match (place, self.argument_name(argument).as_deref()) {
                    (_, Some("remote_udf_descriptor")) | (2, None) => {
                        self.add_map_keys(ObjectKind::Function, argument, end)
                    }
                    (_, Some("mcp_tool_descriptor")) | (3, None) => self.add_map_keys(ObjectKind::Tool, argument, end),
                    _ => {}
                }
            }
        }
    }

    /// Returns the name of the argument at `at`, in lower case, if it is written as `name => value`.
    fn argument_name(&self, at: usize) -> Option<String> {
        self.script.is_symbol(at + 1, "=>").then(|| self.script.identifier(at).to_ascii_lowercase())
    }

    /// Returns where the value of the argument at `at` starts.
    fn argument_value(&self, at: usize) -> usize {
        if self.script.is_symbol(at + 1, "=>") { at + 2 } else { at }
    }

    /// Records the object that the argument at `at` names, in a literal or as an identifier.
    fn add_named_object(&mut self, object: ObjectKind, at: usize, end: usize) {
        let at = self.argument_value(at);
        if at >= end {
            return;
        }
        if let Some(text) = self.script.string_literal(at) {
            self.add_literal_name(object, &text, at);
        } else if let Some(name) = self.script.qualified_name(at, end)
            && (name.next_token >= end || self.script.is_symbol(name.next_token, ","))
        {
            let parts = if object == ObjectKind::Model { model_name(name.parts) } else { name.parts };
            self.add_mention(Usage::Calls, object, parts, name.span);
        }
    }

    /// Records the object that the literal at `at` with the value `text` names.
    fn add_literal_name(&mut self, object: ObjectKind, text: &str, at: usize) {
        if text.trim().is_empty() {
            return;
        }
        let parts = parse_qualified_name(text);
        let parts = if object == ObjectKind::Model { model_name(parts) } else { parts };
        self.add_mention(Usage::Calls, object, parts, self.script.token_span(at));
    }

    /// Records the objects that the keys of the `MAP['name', 'description', …]` in the argument at `at` name.
    fn add_map_keys(&mut self, object: ObjectKind, at: usize, end: usize) {
        let at = self.argument_value(at);
        if !self.script.is_word(at, "MAP") || !self.script.is_symbol(at + 1, "[") {
            return;
        }
        let close = self.script.closing_bracket(at + 1, end);
        for key in self.script.list_items(at + 2, close).into_iter().step_by(2).filter(|&key| key < close) {
            if let Some(text) = self.script.string_literal(key) {
                self.add_literal_name(object, &text, key);
            }
        }
    }
}
