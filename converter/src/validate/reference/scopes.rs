//! Names of modules in the names that exporters give to nodes and values.

/// The module path in a name such as `/features/features.0/conv/Conv_output_0`: `features.0.conv`. PyTorch's exporter writes a
/// component for each module on the way, containers with the path up to there; the last component is the operator.
/// `None` if the name has no module in it.
pub(super) fn module_path(name: &str) -> Option<String> {
    let (scope, _) = name.strip_prefix('/')?.rsplit_once('/')?;
    let mut path: Vec<&str> = Vec::new();
    for component in scope.split('/') {
        let is_longer = |last: &&&str| component.strip_prefix(**last).is_some_and(|rest| rest.starts_with('.'));
        if path.last().filter(is_longer).is_some() {
            path.pop();
        }
        path.push(component);
    }
    Some(path.join("."))
}

/// True if `layer` is the module `path`: the same, or the same below a wrapper that one of the two does not name.
pub(super) fn same_module(layer: &str, path: &str) -> bool {
    let below = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|head| head.ends_with('.'));
    layer == path || below(layer, path) || below(path, layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_from_scopes() {
        let path = |name| module_path(name);
        assert_eq!(path("/conv1/Conv_output_0").as_deref(), Some("conv1"));
        assert_eq!(path("/layer1/layer1.0/conv1/Conv").as_deref(), Some("layer1.0.conv1"));
        assert_eq!(path("/features/features.0/features.0.1/Relu_output_0").as_deref(), Some("features.0.1"));
        assert_eq!(path("/block/block/conv/Conv").as_deref(), Some("block.block.conv"));
        assert_eq!(path("/3/n/n.0/Conv").as_deref(), Some("3.n.0"));
        assert_eq!(path("/Relu_output_0"), None);
        assert_eq!(path("conv1"), None);
    }

    #[test]
    fn wrappers_do_not_matter() {
        assert!(same_module("module.conv1", "conv1") && same_module("conv1", "net.conv1"));
        assert!(!same_module("xconv1", "conv1") && !same_module("conv1", "conv2"));
    }
}
