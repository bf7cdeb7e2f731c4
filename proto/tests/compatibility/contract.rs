//! A descriptor set as lines, one for each promise; and which promises a later set breaks.

use std::collections::BTreeSet;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
};

/// What `muster.v1` promises, sorted. What it imports is somebody else's contract.
pub(crate) fn contract(set: &FileDescriptorSet) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for file in set.file.iter().filter(|file| file.package().starts_with("muster.")) {
        for message in &file.message_type {
            add_message(&mut lines, file.package(), message);
        }
        for of in &file.enum_type {
            add_enum(&mut lines, file.package(), of);
        }
        for service in &file.service {
            add_service(&mut lines, file.package(), service);
        }
    }
    lines
}

/// The promises of `old` that `new` does not keep. Every line is a promise, so what is only added breaks none, except a
/// field under a number that was given up for good.
pub(crate) fn breaks(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Vec<String> {
    let mut broken: Vec<String> = old.difference(new).map(|line| format!("removed or changed: {line}")).collect();
    let reserved: BTreeSet<&str> =
        old.iter().filter_map(|line| line.split_once(" reserved").map(|_| &**line)).collect();
    for line in new.difference(old) {
        let Some((key, _)) = line.split_once(": ") else { continue };
        if let Some((message, number)) = key.split_once(" field ")
            && reserved.contains(format!("{message} reserved {number}").as_str())
        {
            broken.push(format!("takes a number that is given up: {line}"));
        }
    }
    broken
}

fn add_message(lines: &mut BTreeSet<String>, scope: &str, message: &DescriptorProto) {
    let name = format!("{scope}.{}", message.name());
    lines.insert(format!("message {name}"));
    for field in &message.field {
        lines.insert(format!("message {name} field {:05}: {}", field.number(), promise(message, field)));
    }
    // Ranges end before their end here; only small ones are given up, so a line a number.
    for number in message.reserved_range.iter().flat_map(|range| range.start()..range.end()) {
        lines.insert(format!("message {name} reserved {number:05}"));
    }
    for inner in &message.nested_type {
        add_message(lines, &name, inner);
    }
    for inner in &message.enum_type {
        add_enum(lines, &name, inner);
    }
}

/// Name, label, type and choice of a field: the number stands before it.
fn promise(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let label = match field.label() {
        Label::Repeated => "repeated ",
        Label::Required => "required ",
        Label::Optional if field.proto3_optional() => "optional ",
        Label::Optional => "",
    };
    let named = [Type::Message, Type::Enum, Type::Group].contains(&field.r#type());
    let of = if named {
        field.type_name().trim_start_matches('.').to_owned()
    } else {
        field.r#type().as_str_name().trim_start_matches("TYPE_").to_lowercase()
    };
    let choice = match field.oneof_index.and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?)) {
        Some(choice) if !field.proto3_optional() => format!(" in oneof {}", choice.name()),
        _ => String::new(),
    };
    format!("{} {label}{of}{choice}", field.name())
}

fn add_enum(lines: &mut BTreeSet<String>, scope: &str, of: &EnumDescriptorProto) {
    let name = format!("{scope}.{}", of.name());
    lines.insert(format!("enum {name}"));
    for value in &of.value {
        lines.insert(format!("enum {name} value {:05}: {}", value.number(), value.name()));
    }
}

fn add_service(lines: &mut BTreeSet<String>, scope: &str, service: &ServiceDescriptorProto) {
    let name = format!("{scope}.{}", service.name());
    lines.insert(format!("service {name}"));
    for method in &service.method {
        lines.insert(format!("service {name} rpc {}: {}", method.name(), signature(method)));
    }
}

fn signature(method: &MethodDescriptorProto) -> String {
    let stream = |streaming: bool| if streaming { "stream " } else { "" };
    let of = |name: &str| name.trim_start_matches('.').to_owned();
    format!(
        "{}{} -> {}{}",
        stream(method.client_streaming()),
        of(method.input_type()),
        stream(method.server_streaming()),
        of(method.output_type())
    )
}
