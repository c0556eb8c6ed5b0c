// A whole job life through the official SDKs for Node.js: ECS by its typed client, SMC by the generic client beneath it.
//
// Expects the environment of a lab (env.sh), LAB_CONNECTOR_HOME and LAB_VM, a clock that stands still, and the lab's
// switch cloud_assistant_agent on. Ends with status 0 and a line of JSON, or with the assertion that failed.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { default: EcsClient, ...ecs } = require("@alicloud/ecs20140526");
const { default: OpenApiClient, OpenApiUtil, $OpenApiUtil } = require("@alicloud/openapi-core");
const { RuntimeOptions } = require("@darabonba/typescript");

const { env } = process;
const REGION = env.ALIBABA_CLOUD_REGION_ID;
const VM = env.LAB_VM;

function config(endpoint) {
  return new $OpenApiUtil.Config({
    accessKeyId: env.ALIBABA_CLOUD_ACCESS_KEY_ID,
    accessKeySecret: env.ALIBABA_CLOUD_ACCESS_KEY_SECRET,
    regionId: REGION,
    protocol: "HTTP",
    endpoint: endpoint.replace("http://", ""),
  });
}

async function control(method, route, body) {
  const answer = await fetch(env.LAB_CONTROL + route, {
    method,
    body: body && JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

const advance = (duration) => control("POST", "/clock", { advance: duration });

// -- the two clients ------------------------------------------------------------------------------------------------

class Smc {
  constructor() {
    this.client = new OpenApiClient(config(env.CUTOVER_SMC_ENDPOINT));
  }

  async call(action, parameters = {}) {
    const params = new $OpenApiUtil.Params({
      action,
      version: "2019-06-01",
      protocol: "HTTP",
      pathname: "/",
      method: "POST",
      authType: "AK",
      style: "RPC",
      reqBodyType: "formData",
      bodyType: "json",
    });
    const request = new $OpenApiUtil.OpenApiRequest({ query: OpenApiUtil.query(parameters) });
    return (await this.client.callApi(params, request, new RuntimeOptions({}))).body;
  }
}

// Where an answer says something that the typed model does not.
function* lost(raw, kept, place) {
  if (Array.isArray(raw)) {
    if (!Array.isArray(kept) || kept.length !== raw.length) yield `${place}[]`;
    else for (const [index, value] of raw.entries()) yield* lost(value, kept[index], `${place}[]`);
  } else if (raw !== null && typeof raw === "object") {
    for (const [name, value] of Object.entries(raw)) {
      if (kept === null || typeof kept !== "object" || !(name in kept)) yield `${place}.${name}`;
      else yield* lost(value, kept[name], `${place}.${name}`);
    }
  } else if (raw !== kept) yield `${place}=${raw}, not ${kept}`;
}

class Ecs {
  constructor() {
    this.client = new EcsClient(config(env.CUTOVER_ECS_ENDPOINT));
    const callApi = this.client.callApi.bind(this.client);
    this.client.callApi = async (...parameters) => {
      const answer = await callApi(...parameters);
      this.raw = JSON.parse(JSON.stringify(answer.body));
      return answer;
    };
  }

  async call(method, request) {
    const { body } = await this.client[method](request);
    const missing = [...lost(this.raw, body.toMap(), method)];
    assert.deepEqual(missing, [], `the typed model of ${method} loses fields`);
    return body;
  }
}

const smc = new Smc();
const machines = new Ecs();

async function refusal(call) {
  try {
    await call();
  } catch (failure) {
    return failure;
  }
  throw new assert.AssertionError({ message: "the call was not refused" });
}

// -- steps ----------------------------------------------------------------------------------------------------------

function importVm(tokenId, code) {
  const home = env.LAB_CONNECTOR_HOME;
  const file = path.join(home, "vmware_migrate_config.json");
  const choices = JSON.parse(fs.readFileSync(file));
  for (const entry of Object.values(choices)) entry.migrate = entry.vm_name === VM;
  fs.writeFileSync(file, JSON.stringify(choices));
  const flags = [`--accesstokenid=${tokenId}`, `--accesstokencode=${code}`];
  const shown = execFileSync(path.join(home, "go2aliyun_client"), flags, { cwd: home, encoding: "utf8" });
  assert.match(shown, /Successfully!/);
}

async function bringIn() {
  const token = await smc.call("CreateAccessToken", { Name: "node", Count: "1", TimeToLiveInDays: "7" });
  importVm(token.AccessTokenId, token.AccessTokenCode);
  const listed = await smc.call("ListAccessTokens", { AccessTokenId: [token.AccessTokenId] });
  assert.equal(listed.AccessTokens.AccessToken[0].RegisteredCount, "1");
  const found = await smc.call("DescribeSourceServers", { Name: VM, RelatedJobType: ["VMWare"] });
  const [source] = found.SourceServers.SourceServer;
  assert.equal(source.State, "Available");
  return { tokenId: token.AccessTokenId, sourceId: source.SourceId, dataDisks: source.DataDisks.DataDisk };
}

async function jobOf(sourceId) {
  const found = await smc.call("DescribeReplicationJobs", { SourceId: [sourceId] });
  return found.ReplicationJobs.ReplicationJob[0];
}

async function waitFor(sourceId, status) {
  await advance("10m");
  const job = await jobOf(sourceId);
  assert.equal(job.Status, status);
  return job;
}

async function createJob(sourceId, dataDisks) {
  const wanted = {
    ClientToken: `node-${sourceId}`,
    SourceId: sourceId,
    RegionId: REGION,
    JobType: 3,
    RunOnce: false,
    Frequency: 12,
    MaxNumberOfImageToKeep: 2,
    TargetType: "Image",
    ImageName: `node-${sourceId}`,
    Name: `node-${sourceId}`,
    SystemDiskSize: 40,
    DataDisk: dataDisks.map((disk) => ({ Index: disk.Index, Size: 40 })),
    VSwitchId: "vsw-lab-isolated",
    Tag: [{ Key: "made by", Value: "node *~ 100%" }],
  };
  const { JobId: jobId } = await smc.call("CreateReplicationJob", wanted);
  assert.equal((await smc.call("CreateReplicationJob", wanted)).JobId, jobId);
  const changed = await refusal(() => smc.call("CreateReplicationJob", { ...wanted, Frequency: 24 }));
  assert.equal(changed.code, "IdempotentParameterMismatch");
  const job = await jobOf(sourceId);
  assert.deepEqual([job.Status, job.Tags.Tag[0].Value, job.RunOnce], ["Ready", "node *~ 100%", false]);
  return jobId;
}

async function group(sourceId) {
  const { WorkgroupId: workgroupId } = await smc.call("CreateWorkgroup", { Name: "node", Description: "by Node.js" });
  const members = { WorkgroupId: workgroupId, SourceId: [sourceId] };
  await smc.call("AssociateSourceServers", members);
  const [shown] = (await smc.call("DescribeWorkgroups", { WorkgroupId: [workgroupId] })).Workgroups.Workgroup;
  assert.equal(shown.Status, "NotStarted");
  const full = await refusal(() => smc.call("DeleteWorkgroup", { WorkgroupId: workgroupId }));
  assert.equal(full.code, "SourceServer.Related");
  await smc.call("DisassociateSourceServers", members);
  await smc.call("DeleteWorkgroup", { WorkgroupId: workgroupId });
}

async function runJob(sourceId, jobId) {
  await smc.call("StartReplicationJob", { JobId: jobId });
  const waiting = await waitFor(sourceId, "Waiting");
  assert.equal(waiting.ReplicationJobRuns.ReplicationJobRun.length, 1);
  await smc.call("StartReplicationJob", { JobId: jobId });
  await smc.call("StopReplicationJob", { JobId: jobId });
  assert.equal((await jobOf(sourceId)).Status, "Stopped");
  await smc.call("StartReplicationJob", { JobId: jobId });
  await waitFor(sourceId, "Waiting");
  await smc.call("ModifyReplicationJobAttribute", { JobId: jobId, Frequency: 24 });
  await smc.call("CutOverReplicationJob", { JobId: jobId, SyncData: true });
  const finished = await waitFor(sourceId, "Finished");
  assert.equal(finished.ReplicationJobRuns.ReplicationJobRun.length, 3);
  return finished.ImageId;
}

async function tags(sourceId) {
  const named = { ResourceType: "sourceserver", ResourceId: [sourceId] };
  await smc.call("TagResources", { ...named, Tag: [{ Key: "a", Value: "1" }, { Key: "b", Value: "2" }] });
  await smc.call("UntagResources", { ...named, TagKey: ["a"] });
  const rows = (await smc.call("ListTagResources", named)).TagResources.TagResource;
  assert.deepEqual(rows.map((row) => [row.TagKey, row.TagValue]), [["b", "2"]]);
}

async function verify(imageId) {
  const run = new ecs.RunInstancesRequest({
    regionId: REGION,
    imageId,
    instanceType: "ecs.c7.large",
    instanceName: "node",
    vSwitchId: "vsw-lab-isolated",
    securityGroupId: "sg-lab-isolated",
    tag: [new ecs.RunInstancesRequestTag({ key: "cutover", value: "node" })],
  });
  const [instanceId] = (await machines.call("runInstances", run)).instanceIdSets.instanceIdSet;
  await advance("2m");
  const described = new ecs.DescribeInstancesRequest({ regionId: REGION, instanceIds: JSON.stringify([instanceId]) });
  const [instance] = (await machines.call("describeInstances", described)).instances.instance;
  assert.deepEqual([instance.status, instance.tags.tag[0].tagValue], ["Running", "node"]);
  const command = new ecs.RunCommandRequest({
    regionId: REGION,
    type: "RunShellScript",
    commandContent: Buffer.from("sha256sum /dev/vda && test -b /dev/vda").toString("base64"),
    contentEncoding: "Base64",
    instanceId: [instanceId],
    timeout: 600,
  });
  const { invokeId } = await machines.call("runCommand", command);
  await advance("1m");
  const asked = new ecs.DescribeInvocationResultsRequest({ regionId: REGION, invokeId });
  const { invocation } = await machines.call("describeInvocationResults", asked);
  const [result] = invocation.invocationResults.invocationResult;
  const [disk] = await control("GET", `/images/${imageId}/disks`);
  assert.equal(result.invocationStatus, "Success");
  assert.equal(Buffer.from(result.output, "base64").toString().split(" ")[0], disk.sha256);
  const console = new ecs.GetInstanceConsoleOutputRequest({ regionId: REGION, instanceId, removeSymbols: true });
  const { consoleOutput } = await machines.call("getInstanceConsoleOutput", console);
  assert.match(Buffer.from(consoleOutput, "base64").toString(), /login: $/);
  await machines.call("deleteInstance", new ecs.DeleteInstanceRequest({ instanceId, force: true }));
}

async function clearImages(sourceId) {
  const wanted = new ecs.DescribeImagesRequest({ regionId: REGION, imageName: `node-${sourceId}*`, pageSize: 50 });
  for (const image of (await machines.call("describeImages", wanted)).images.image) {
    await machines.call("deleteImage", new ecs.DeleteImageRequest({ regionId: REGION, imageId: image.imageId }));
    for (const { snapshotId } of image.diskDeviceMappings.diskDeviceMapping)
      await machines.call("deleteSnapshot", new ecs.DeleteSnapshotRequest({ snapshotId }));
  }
}

async function refusals() {
  const unknown = await refusal(() => smc.call("StartReplicationJob", { JobId: "j-none" }));
  assert.deepEqual([unknown.code, unknown.statusCode], ["InvalidJobId.NotFound", 404]);
  const dry = new ecs.DescribeInstancesRequest({ regionId: REGION, dryRun: true });
  assert.equal((await refusal(() => machines.call("describeInstances", dry))).code, "DryRunOperation");
  await control("POST", "/faults", { target: "smc", kind: "throttle_retry_after", retry_after_ms: 1500 });
  const throttled = await refusal(() => smc.call("ListAccessTokens"));
  assert.deepEqual([throttled.name, throttled.code, throttled.retryAfter], ["ThrottlingError", "Throttling.User", 1500]);
}

async function main() {
  const { tokenId, sourceId, dataDisks } = await bringIn();
  await group(sourceId);
  await tags(sourceId);
  const jobId = await createJob(sourceId, dataDisks);
  const imageId = await runJob(sourceId, jobId);
  await verify(imageId);
  await refusals();
  await smc.call("DeleteReplicationJob", { JobId: jobId });
  await advance("1m");
  assert.equal(await jobOf(sourceId), undefined);
  await clearImages(sourceId);
  await smc.call("DeleteSourceServer", { SourceId: sourceId, Force: true });
  await advance("1m");
  await smc.call("DisableAccessToken", { AccessTokenId: tokenId });
  await smc.call("DeleteAccessToken", { AccessTokenId: tokenId });
  process.stdout.write(`${JSON.stringify({ sourceId, jobId, imageId })}\n`);
}

main().catch((failure) => {
  process.stderr.write(`${failure.stack}\n`);
  process.exitCode = 1;
});
