"""The buckets: private, encrypted, and reached by HTTPS."""

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3

from infra.stacks.base import ApplicationStack


def add_private_bucket(stack: ApplicationStack, name: str, kept_days: int | None = None) -> s3.Bucket:
    """Add a bucket that nobody reads without a right.

    CloudFormation chooses its name, because names of buckets are unique among all accounts.

    Args:
        stack: The stack.
        name: The construct's id.
        kept_days: Number of days after which its files are deleted; they are kept if omitted.
    """
    return s3.Bucket(
        stack,
        name,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        encryption=s3.BucketEncryption.S3_MANAGED,
        # Clients use plain HTTP with the emulator, which this would refuse.
        enforce_ssl=not stack.stage.emulated,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        versioned=False,
        lifecycle_rules=[
            s3.LifecycleRule(
                expiration=Duration.days(kept_days) if kept_days else None,
                abort_incomplete_multipart_upload_after=Duration.days(1),
            )
        ],
        removal_policy=stack.stage.removal_policy,
    )
