// Runs cdk-nag's AwsSolutions and Serverless packs over CloudFormation templates.
//
// Takes the paths of templates as arguments; writes a JSON list of {file, rule, resource, message} to stdout. NODE_PATH says where the
// packages are. What is accepted is said in acknowledgements.toml, for every checker alike: nothing is silenced here.
"use strict";

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { App, Stack } = require("aws-cdk-lib");
const { CfnInclude } = require("aws-cdk-lib/cloudformation-include");
const { AwsSolutionsChecks, ServerlessChecks } = require("cdk-nag");

function findings(file, outdir) {
  const app = new App({ outdir });
  new CfnInclude(new Stack(app, "Stack"), "Template", { templateFile: file });
  return [new AwsSolutionsChecks(app), new ServerlessChecks(app)]
    .flatMap((pack) => pack.validateScope(app).violations)
    .flatMap(({ ruleName, description, violatingResources }) =>
      violatingResources.map(({ constructPath }) => ({
        file,
        rule: ruleName,
        resource: constructPath.split("/").at(-1),
        message: description,
      })),
    );
}

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "nag-"));
try {
  const found = process.argv.slice(2).flatMap((file) => findings(file, scratch));
  process.stdout.write(JSON.stringify(found));
} finally {
  fs.rmSync(scratch, { recursive: true });
}
