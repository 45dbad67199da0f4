"""Checks the manifests of deploy/ against the schemas of Kubernetes and AWS, and prints the command lines in them.

Usage: check_deploy.py DEPLOY_FOLDER. Prints a JSON list of {"file", "argv", "environment"}, one for each container that
runs rexdrug; exits 1 with one line for each fault.
"""

import json
import sys
from pathlib import Path

import botocore.session
import botocore.validate
import kubernetes_validate
import yaml

# The oldest and the newest minor version that the manifests are checked against.
KUBERNETES = ("1.35", "1.37")


def pod_spec(manifest):
    """The pod of a workload; none for other kinds."""
    spec = manifest["spec"]
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec.get("template", {}).get("spec")


def kubernetes(path, faults, commands):
    for manifest in yaml.safe_load_all(path.read_text()):
        name = f"{path.name}: {manifest['kind']} {manifest['metadata']['name']}"
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                faults.append(f"{name}: {'.'.join(map(str, error.path))}: {error.message} (Kubernetes {version})")
        pod = pod_spec(manifest)
        if pod is None:
            continue
        if pod["securityContext"].get("runAsNonRoot") is not True:
            faults.append(f"{name}: runs as root")
        mounts = {volume["name"] for volume in pod.get("volumes", [])}
        mounts |= {claim["metadata"]["name"] for claim in manifest["spec"].get("volumeClaimTemplates", [])}
        for container in pod["containers"]:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in mounts:
                    faults.append(f"{name}: no volume {mount['name']}")
            environment = {one["name"]: one["value"] for one in container.get("env", []) if "value" in one}
            if manifest["spec"].get("completionMode") == "Indexed":
                environment["JOB_COMPLETION_INDEX"] = "0"
            commands.append({"file": name, "argv": container["args"], "environment": environment})
        if manifest["spec"].get("completionMode") == "Indexed":
            part = pod["containers"][0]["args"]
            stated = part[part.index("--shard") + 1]
            if stated != f"auto/{manifest['spec']['completions']}":
                faults.append(f"{name}: {manifest['spec']['completions']} completions, but --shard {stated}")


def references(folder, faults):
    """Selectors, services and policies must name labels that some pod has."""
    manifests = [one for path in sorted(folder.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]
    labels = set()
    for manifest in manifests:
        template = manifest["spec"].get("template", {})
        labels |= set(template.get("metadata", {}).get("labels", {}).items())
    for manifest in manifests:
        spec = manifest["spec"]
        selector = spec.get("selector") or spec.get("podSelector") or {}
        if manifest["kind"] in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
            wanted = set(selector.get("matchLabels", selector if manifest["kind"] == "Service" else {}).items())
            for expression in selector.get("matchExpressions", []):
                wanted |= {(expression["key"], value) for value in expression["values"]}
            if not wanted or not wanted <= labels:
                faults.append(f"{manifest['kind']} {manifest['metadata']['name']}: no pod has {wanted - labels}")


def aws_batch(folder, faults, commands):
    model = botocore.session.get_session().get_service_model("batch")
    files = {"job-definition.json": "RegisterJobDefinition", "submit.json": "SubmitJob"}
    found = {}
    for file, operation in files.items():
        found[file] = json.loads((folder / file).read_text())
        report = botocore.validate.ParamValidator().validate(found[file], model.operation_model(operation).input_shape)
        if report.has_errors():
            faults.append(f"{file}: {report.generate_report()}")
    definition, submission = found["job-definition.json"], found["submit.json"]
    if submission["jobDefinition"] != definition["jobDefinitionName"]:
        faults.append("submit.json: names another job definition")
    parameters = definition["parameters"] | submission["parameters"]
    argv = [
        parameters[word.removeprefix("Ref::")] if word.startswith("Ref::") else word
        for word in definition["containerProperties"]["command"]
    ]
    array = {"AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": str(submission["arrayProperties"]["size"])}
    commands.append({"file": "job-definition.json", "argv": argv, "environment": array})


def main():
    deploy, faults, commands = Path(sys.argv[1]), [], []
    for path in sorted((deploy / "kubernetes").glob("*.yaml")):
        kubernetes(path, faults, commands)
    references(deploy / "kubernetes", faults)
    aws_batch(deploy / "aws-batch", faults, commands)
    for fault in faults:
        print(fault, file=sys.stderr)
    print(json.dumps(commands))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
