//! `state/schema.json` describes everything that a snapshot can contain, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{fixtures::*, *};
use crate::resource::*;

const SCHEMA: &str = include_str!("../../../state/schema.json");

/// Returns a record in which every field has a value.
fn full_record() -> Recorded {
    let secret = KeyedHash::of(&HashKey("key".to_owned()), "sesame");
    let secrets = BTreeMap::from([("openai".to_owned(), secret)]);
    let pool = Pool { network: Some("n-1".to_owned()), prevent_destroy: true, ..pool("main") };
    let template = Properties::from_iter([("k".to_owned(), Template::new("${secret.openai}"))]);
    let sent = Submission {
        properties: template.clone(),
        added_properties: Properties::from_iter([("k".to_owned(), "v".to_owned())]),
        principal: Some("sa-1".to_owned()),
        ..submission("orders", 2, Role::Undo)
    };
    let generation = GenerationRecord {
        sent: sent.clone(),
        bounded: true,
        offsets: Some(offsets(1)),
        adopted: true,
        secrets: secrets.clone(),
        created_at: Some("2026-01-02T03:04:05Z".to_owned()),
        ..generation("orders", 2)
    };
    let declared = Statement {
        properties: template,
        principal: Some("sa-1".to_owned()),
        undo: Some(Template::new("DROP TABLE a")),
        former_consent: FormerConsent::from("restart:3f2a9c".to_owned()),
        depends_on: BTreeSet::from([Address::statement("a"), Address::pool("main")]),
        ..statement("orders")
    };
    let record = StatementRecord {
        declared,
        dependencies: vec![Address::pool("main")],
        current: Some(Box::new(generation.clone())),
        successor: Some(Box::new(generation.clone())),
        undo: Some(Box::new(generation.clone())),
        retired: vec![generation],
        last_generation: Generation(3),
        undo_count: 1,
        last_offsets: Some(offsets(2)),
    };
    let tombstone =
        Tombstone { name: "old".to_owned(), last_generation: Generation(4), undo_count: 2, offsets: Some(offsets(3)) };
    let (name, uid, id) = ("orders".to_owned(), "u".to_owned(), "lfcp-1".to_owned());
    let to = StatementUpdate { stopped: false, pool: Some("p".to_owned()), principal: Some("sa".to_owned()) };
    let pool_to = PoolUpdate { display_name: Some("d".to_owned()), max_cfu: Some(5) };
    let existing_ids = BTreeSet::from(["lfcp-0".to_owned()]);
    let operations = [
        Operation::Submit(sent),
        Operation::Update { name: name.clone(), uid: uid.clone(), to },
        Operation::Delete { name, uid },
        Operation::CreatePool { pool: pool.clone(), existing_ids },
        Operation::UpdatePool { id: id.clone(), to: pool_to },
        Operation::DeletePool { id: id.clone() },
    ];
    let open = operations.into_iter().enumerate().map(|(number, operation)| {
        let id = IntentId(format!("run-{number}"));
        let sent_at = serde_json::from_str("\"2026-01-02T03:04:05Z\"").unwrap();
        let intent = Intent { id: id.clone(), address: Address::statement("orders"), operation, sent_at };
        (id, OpenIntent { intent, secrets: secrets.clone(), voided_offsets: Some(offsets(4)) })
    });
    Recorded {
        pools: BTreeMap::from([("main".to_owned(), PoolRecord { id, declared: pool, is_deleted: false })]),
        statements: BTreeMap::from([("orders".to_owned(), Box::new(record))]),
        tombstones: BTreeMap::from([("old".to_owned(), tombstone)]),
        highest_numbers: BTreeMap::from([("former".to_owned(), Generation(3))]),
        open_intents: open.collect(),
        ..empty_record()
    }
}

/// Implements the part of JSON Schema that `schema.json` uses. Records every property that it has checked.
struct SchemaChecker<'a> {
    /// The whole schema, for references.
    schema: &'a Value,
    /// The properties that it has checked a value of.
    seen_properties: BTreeSet<String>,
}

impl SchemaChecker<'_> {
    /// Follows a `$ref`. Returns the schema and its location.
    fn resolve(&self, schema: &Value, place: &str) -> (Value, String) {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').unwrap();
                (self.schema.pointer(pointer).expect(reference).clone(), pointer.to_owned())
            }
            None => (schema.clone(), place.to_owned()),
        }
    }

    /// Checks `value` against `schema`, which is at `place`.
    fn check(&mut self, value: &Value, schema: &Value, place: &str) -> Result<(), String> {
        let (schema, place) = self.resolve(schema, place);
        let mismatch = |what: &str| Err(format!("{place}: {value} does not match the {what}"));
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            let tries: Vec<_> = choices
                .iter()
                .enumerate()
                .map(|(n, choice)| self.check(value, choice, &format!("{place}/oneOf/{n}")))
                .collect();
            let fits = tries.iter().filter(|fits| fits.is_ok()).count();
            return if fits == 1 { Ok(()) } else { Err(format!("{place}: {fits} alternatives match: {tries:?}")) };
        }
        if let Some(only) = schema.get("const") {
            return if value == only { Ok(()) } else { mismatch("required constant") };
        }
        let fits = match schema.get("type").and_then(Value::as_str).expect(&place) {
            "string" => value.is_string(),
            "integer" => value.is_u64(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("{place}: type {other}"),
        };
        if !fits {
            return mismatch("required type");
        }
        if let Some(allowed_values) = schema.get("enum").and_then(Value::as_array)
            && !allowed_values.contains(value)
        {
            return mismatch("allowed values");
        }
        for item in value.as_array().into_iter().flatten() {
            self.check(item, &schema["items"], &format!("{place}/items"))?;
        }
        for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if value.get(required.as_str().unwrap()).is_none() {
                return Err(format!("{place}: {required} is missing"));
            }
        }
        for (key, field) in value.as_object().into_iter().flatten() {
            let described = format!("{place}/properties/{key}");
            match (schema.get("properties").and_then(|all| all.get(key)), &schema["additionalProperties"]) {
                (Some(property), _) => {
                    self.check(field, property, &described)?;
                    self.seen_properties.insert(described);
                }
                (None, Value::Object(_)) => {
                    self.check(field, &schema["additionalProperties"], &format!("{place}/additionalProperties"))?;
                }
                (None, _) => return Err(format!("{described} is not described")),
            }
        }
        Ok(())
    }
}

/// Collects the location of every property that the schema describes.
fn described_properties(schema: &Value, place: &str, found: &mut BTreeSet<String>) {
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let has_description = ["description", "$ref", "const"].iter().any(|key| property.get(key).is_some());
        assert!(has_description, "{place}/properties/{name} has no description");
        found.insert(format!("{place}/properties/{name}"));
        described_properties(property, &format!("{place}/properties/{name}"), found);
    }
    for (name, inner) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
        described_properties(inner, &format!("{place}/$defs/{name}"), found);
    }
    for key in ["items", "additionalProperties"] {
        schema.get(key).into_iter().for_each(|inner| described_properties(inner, &format!("{place}/{key}"), found));
    }
    for (number, inner) in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten().enumerate() {
        described_properties(inner, &format!("{place}/oneOf/{number}"), found);
    }
}

#[test]
fn the_schema_describes_every_field_and_every_described_field_exists() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let value = serde_json::to_value(full_record()).unwrap();
    let mut checker = SchemaChecker { schema: &schema, seen_properties: BTreeSet::new() };
    checker.check(&value, &schema, "").unwrap();
    let mut all = BTreeSet::new();
    described_properties(&schema, "", &mut all);
    let unused: Vec<_> = all.difference(&checker.seen_properties).collect();
    assert!(unused.is_empty(), "described, but in no snapshot: {unused:#?}");
    assert!(all.len() > 80, "{}", all.len());
    // The sample is read back unchanged, so no field is only written.
    assert_eq!(serde_json::from_value::<Recorded>(value).unwrap(), full_record());
}

#[test]
fn the_schema_requires_exactly_what_deserialization_requires() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let value = serde_json::to_value(full_record()).unwrap();
    let mut pointers = Vec::new();
    collect_pointers(&value, "", &mut pointers);
    for pointer in pointers {
        let mut without = value.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = without.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.remove(&key.replace("~1", "/"));
        let allowed =
            SchemaChecker { schema: &schema, seen_properties: BTreeSet::new() }.check(&without, &schema, "").is_ok();
        assert_eq!(serde_json::from_value::<Recorded>(without).is_ok(), allowed, "without {pointer}");
    }
}

/// Collects a pointer to every member of every object.
fn collect_pointers(value: &Value, place: &str, pointers: &mut Vec<String>) {
    for (key, inner) in value.as_object().into_iter().flatten() {
        let pointer = format!("{place}/{key}");
        collect_pointers(inner, &pointer, pointers);
        pointers.push(pointer);
    }
    for (number, inner) in value.as_array().into_iter().flatten().enumerate() {
        collect_pointers(inner, &format!("{place}/{number}"), pointers);
    }
}

#[test]
fn an_undescribed_field_is_reported() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut value = serde_json::to_value(full_record()).unwrap();
    value["statements"]["orders"]["surprise"] = Value::Bool(true);
    let error =
        SchemaChecker { schema: &schema, seen_properties: BTreeSet::new() }.check(&value, &schema, "").unwrap_err();
    assert_eq!(error, "/$defs/statement-record/properties/surprise is not described");
}
