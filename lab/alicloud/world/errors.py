"""The errors that the services answer with: HTTP status, code and message template as documented."""

from __future__ import annotations

from dataclasses import dataclass, field

_NOT_VALID = 'The specified parameter "%s" is not valid.'

# code -> (HTTP status, message template). Templates are API literals of reference/smc-api.md.
TEMPLATES: dict[str, tuple[int, str]] = {
    # the gateway
    "MissingParameter": (400, 'The input parameter "%s" that is mandatory for processing this request is not supplied.'),
    "InvalidParameter": (400, _NOT_VALID),
    "InvalidVersion": (400, "Specified parameter Version is not valid."),
    "InvalidAction": (403, "Specified action is not valid."),
    "InvalidAction.NotFound": (404, "Specified api is not found, please check your url and method."),
    "UnsupportedHTTPMethod": (403, "This http method is not supported."),
    "InvalidAccessKeyId.NotFound": (400, "Specified access key is not found."),
    "IncompleteSignature": (400, "The request signature does not conform to Aliyun standards."),
    "SignatureDoesNotMatch": (400, "Specified signature is not matched with our calculation."),
    "IllegalTimestamp": (400, "The input parameter 'Timestamp' that is mandatory for processing this request is not supplied or out of range."),
    "InvalidTimeStamp.Expired": (400, "Specified time stamp or date value is expired."),
    "SignatureNonceUsed": (400, "Specified signature nonce was used already."),
    "MissingSecurityToken": (400, "SecurityToken is mandatory for this action."),
    "InvalidSecurityToken.MismatchWithAccessKey": (400, "Specified SecurityToken mismatch with the AccessKey."),
    "IdempotentParameterMismatch": (
        400,
        "The request uses the same client token as a previous, but non-identical request. "
        "Do not reuse a client token with different requests, unless the requests are identical.",
    ),
    "Throttling.User": (400, "Request was denied due to user flow control."),
    "InternalError": (
        500,
        "An error occurred while processing your request. Please try again. "
        "If the problem still exists, please submit a ticket.",
    ),
    "ServiceUnavailable": (503, "The request has failed due to a temporary failure of the server."),
    "DryRunOperation": (400, "Request validation has been passed with DryRun flag set."),
    "DRYRUN.SUCCESS": (400, "Request validation has been passed with DryRun flag set."),
    # SMC: sources
    "SourceServerName.Duplicate": (
        400,
        "The specified source server name already exists. Please modify the source server name.",
    ),
    "SourceServerState.Invalid": (
        400,
        "The specified source server status: %s is invalid. "
        "This operation can only be performed in the following status: %s.",
    ),
    "SourceServer.WithRunningReplicationJob": (
        400,
        "The specified source server has related replication jobs that are running.",
    ),
    "ReplicationJob.Related": (
        400,
        "The specified source server has related replication jobs. "
        "Please delete replication jobs: %s before delete this source server.",
    ),
    "InvalidSourceId.NotFound": (404, "The specified SourceId does not exist."),
    # SMC: jobs
    "ReplicationJobDataDiskIndex.Invalid": (
        400,
        "The specified replication job contains data disk index not found in source server.",
    ),
    "DataDisk.DuplicateIndex": (400, "The source server data disk cannot contain the same index."),
    "VSwitchIdVpcId.Mismatch": (400, "The specified VSwitchId and VpcId does not match."),
    "QuotaExceeded.ReplicationJob": (
        400,
        "The maximum number of replication jobs is exceeded. Please submit a ticket to raise the quota.",
    ),
    "ReplicationJobName.Duplicate": (400, "The specified replication job name already exists."),
    "ImageName.UsedByReplicationJob": (
        400,
        'The specified imageName: "%s" was used by another replication job in the current region.',
    ),
    "ReplicationJob.InvalidStatus": (
        400,
        "The specified replication job status: %s is invalid. "
        "This operation can only be performed in the following status: %s.",
    ),
    "ReplicationJob.InvalidBusinessStatus": (
        400,
        "The specified business status: %s of the replication job is invalid. "
        "This operation can only be performed in the following status: %s.",
    ),
    "InvalidJobId.NotFound": (404, "The specified JobId does not exist."),
    # SMC: workgroups, by analogy with sources and jobs
    "InvalidWorkgroupId.NotFound": (404, "The specified WorkgroupId does not exist."),
    "WorkgroupName.Duplicate": (400, "The specified workgroup name already exists. Please modify the workgroup name."),
    "QuotaExceeded.Workgroup": (
        400,
        "The maximum number of workgroups is exceeded. Please submit a ticket to raise the quota.",
    ),
    "QuotaExceeded.WorkgroupSourceServer": (
        400,
        "The maximum number of source servers in the workgroup is exceeded: %s.",
    ),
    "SourceServer.Related": (
        400,
        "The specified workgroup has related source servers. "
        "Please disassociate source servers: %s before delete this workgroup.",
    ),
    "SourceServer.AssociatedWithWorkgroup": (
        400,
        "The specified source server: %s is associated with the workgroup: %s.",
    ),
    "SourceServer.NotAssociatedWithWorkgroup": (
        400,
        "The specified source server: %s is not associated with the workgroup: %s.",
    ),
    "ReplicationJob.NotIncremental": (
        400,
        "The specified source server: %s has a replication job that is not incremental. "
        "A workgroup takes incremental replication jobs only.",
    ),
    "OperationConflict": (409, "Request was denied due to conflict with a previous request."),
    "InvalidProtocol.NeedSsl": (400, "Your request is denied as lack of ssl protect."),
    # SMC: access tokens, and errors of the connector's protocol
    "InvalidAccessTokenId.NotFound": (404, "The specified AccessTokenId does not exist."),
    "InvalidAccessToken.NotFound": (404, "The specified access token does not exist or its code is wrong."),
    "InvalidAccessToken.Disabled": (403, "The specified access token is disabled."),
    "InvalidAccessToken.Expired": (403, "The specified access token is expired."),
    "InvalidAccessToken.CountExceeded": (403, "The specified access token has been used the maximum number of times: %s."),
    "QuotaExceeded.SourceServer": (
        400,
        "The maximum number of source servers is exceeded. Please submit a ticket to raise the quota.",
    ),
    # tags, both services
    "NumberExceed.Tags": (400, "The maximum number of the Tag parameters cannot exceed 20."),
    "MissingParameter.ResourceType": (400, "You must specify ResourceType."),
    "InvalidResourceType.NotFound": (400, "The specified ResourceType does not exist."),
    "NumberExceed.ResourceIds": (400, "The maximum number of ResourceId parameters cannot exceed 50."),
    "Duplicate.ResourceId": (400, "The ResourceId contains duplicate values."),
    "InvalidResourceId.NotFound": (400, "The specified ResourceIds do not exist."),
    "InvalidParameter.TagValue": (400, "The specified parameter TagValue is not valid without a TagKey."),
    "Duplicate.TagKey": (400, "The Tag.N.Key contain duplicate key."),
    # ECS
    "InvalidInstanceId.NotFound": (404, "The specified InstanceId does not exist."),
    "InvalidInstanceIds.NotFound": (404, "The specified InstanceIds do not exist."),
    "InvalidImageId.NotFound": (404, "The specified ImageId does not exist."),
    "InvalidSnapshotId.NotFound": (404, "The specified SnapshotId does not exist."),
    "InvalidDiskId.NotFound": (404, "The specified DiskId does not exist."),
    "IncorrectDiskStatus": (403, "The current disk status does not support this operation."),
    "InvalidSecurityGroupId.NotFound": (404, "The specified SecurityGroupId does not exist."),
    "InvalidSecurityGroupId.VPCMismatch": (
        400,
        "The specified security group and the specified virtual switch are not in the same VPC.",
    ),
    "InvalidVSwitchId.NotFound": (404, "The specified VSwitchId does not exist."),
    "InvalidSystemDiskSize.LessThanImageSize": (404, "The specified parameter SystemDisk.Size is less than the image size."),
    "InvalidStatus.NotFound": (404, "The specified Status does not exist."),
    "InvalidUsage": (404, "The specified Usage is not valid."),
    "InvalidFilterKey.NotFound": (404, "The specified filter key does not exist."),
    "InvalidFilterValue": (404, "The specified filter value is not valid."),
    "InvalidParameter.TooManyInstanceIds": (403, "The number of InstanceIds exceeds the limit of 100."),
    "InvalidRegionId.NotFound": (404, "The specified RegionId does not exist."),
    "InvalidOperation.DeletionProtection": (
        403,
        "The operation is not allowed because the instance has deletion protection enabled.",
    ),
    "IncorrectInstanceStatus": (403, "The current status of the resource does not support this operation."),
    "IncorrectImageStatus": (400, "The specified image is not Available."),
    "ImageUsingByInstance": (403, "The specified image is used by an instance."),
    "SnapshotCreatedImage": (403, "The snapshot has been used to create an image; delete the image first."),
    "SnapshotCreatedDisk": (403, "The snapshot has been used to create a disk; set Force to delete it."),
    "DependencyViolation": (403, "There is still instance(s) in the specified security group."),
    "InvalidInstanceType.ValueNotSupported": (400, "The specified InstanceType does not exist or is beyond the permitted range."),
    "InvalidDiskCategory.ValueNotSupported": (400, "The specified disk category is not supported."),
    "InvalidInstance.NotFound": (404, "The specified instances do not exist: %s."),
    "InvalidInstance.NotMatch": (400, "The type of the command does not match the operating system of the instances: %s."),
    "InstanceIds.ExceedLimit": (403, "The number of instance IDs exceeds the limit of %s."),
    "CmdContent.DecodeError": (400, "The CommandContent can not be base64 decoded."),
    "CmdContent.ExceedLimit": (403, "The length of the CommandContent exceeds the limit of 24 KB."),
    "InvalidInstance.AgentNotRunning": (403, "The Cloud Assistant Agent is not running on the instances: %s."),
    "InvalidAutoReleaseTime.Malformed": (400, "The specified AutoReleaseTime is out of range or malformed."),
}  # fmt: skip


@dataclass
class CloudError(Exception):
    """An error answer: raised anywhere in a service, rendered by the gateway."""

    code: str
    message: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def error(code: str, *values: object, status: int | None = None) -> CloudError:
    """The documented error of this code, its `%s` filled in order."""
    default_status, template = TEMPLATES[code]
    message = template % values if values else template
    return CloudError(code, message, default_status if status is None else status)


def missing(parameter: str) -> CloudError:
    """A mandatory parameter is missing."""
    return error("MissingParameter", parameter)


def invalid(parameter: str, reason: str = "") -> CloudError:
    """A parameter's value is out of range or malformed; `reason` says which rule it breaks."""
    failure = error("InvalidParameter", parameter)
    if reason:
        failure.message = f"{failure.message} {reason}"
    return failure
