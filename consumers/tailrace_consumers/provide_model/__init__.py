"""The custom resources that make a stack's model, from an image or from an AutoML job's best candidate.

CloudFormation cannot read an AutoML job, and a model's containers and their environments cannot be attributes of a
resource. So one function answers for two resources, in this order:

``Custom::ModelSource`` makes nothing. It finds out what the containers are, so that the template can let the execution
role read exactly these images and archives before the model is made.

    ============================  =====================================================================================
    property                      value
    ============================  =====================================================================================
    ``AutoMLJobName``             a job, or empty; then:
    ``Image``                     ``<account>.dkr.ecr.<region>.<suffix>/<repository>[:tag|@digest]``
    ``ModelDataUrl``              ``s3://bucket/key`` of its archive, or empty
    ``Environment``               its environment, a JSON object of strings, or empty
    ``AllowSerialPipeline``       ``true`` lets several containers through, which may not work
    ============================  =====================================================================================

    ============================  =====================================================================================
    attribute                     value
    ============================  =====================================================================================
    ``Digest``                    16 hexadecimal digits that change with the containers
    ``ContainerCount``            how many containers there are
    ``RepositoryArns``            of the images, each once, separated by line feeds
    ``ModelDataArns``             of the archives, the same; empty when the images hold the model
    ============================  =====================================================================================

``Custom::Model`` makes the model; ``Ref`` gives its name, which is the physical id. Its properties are those above and:

    ============================  =====================================================================================
    property                      value
    ============================  =====================================================================================
    ``Digest``                    the source's; another one means that what was granted is not what would be read
    ``NamePrefix``                what the names of this stack's models start with, in small letters
    ``ExecutionRoleArn``          the role that the containers work with
    ``EnableNetworkIsolation``    ``true`` or ``false``
    ``SubnetIds``                 a list, and with it:
    ``SecurityGroupIds``          a list; both missing when the containers work in no VPC of the account
    ``Tags``                      a list of ``{Key, Value}``, or missing
    ============================  =====================================================================================

A model's name is the prefix and a hash of all that decides about the model. So an update makes a new model beside the
old one, a configuration that names it, and an endpoint that moves over; then CloudFormation deletes the old model. The
same request again, by a repeated delivery or a rollback, finds its model made.
"""
