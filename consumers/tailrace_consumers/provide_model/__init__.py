"""The Lambda behind the custom resources that create a stack's model.

The model comes from an image or from an AutoML job's best candidate. CloudFormation cannot read an
AutoML job, and a model's containers and their environments cannot be attributes of a resource. So
one function implements two resources, in this order:

``Custom::ModelSource`` creates nothing. It resolves the containers, so that the template can allow
the execution role to read exactly these images and archives before the model is created. And it
refuses numbers that contradict each other, which a template's rules cannot compare.

    ============================  ==================================================================
    property                      value
    ============================  ==================================================================
    ``AutoMLJobName``             a job, or empty; then:
    ``Image``                     ``<account>.dkr.ecr.<region>.<suffix>/<repository>[:tag|@digest]``
    ``ModelDataUrl``              ``s3://bucket/key`` of its archive, or empty
    ``Environment``               its environment, a JSON object of strings, or empty
    ``AllowSerialPipeline``       ``true`` lets several containers through, which may not work
    ``EndpointKind``              ``serverless``, or another kind; by default ``async``
    ``Numbers``                   parameters by name whose values must fit together, or missing
    ============================  ==================================================================

    ============================  ==================================================================
    attribute                     value
    ============================  ==================================================================
    ``Digest``                    16 hexadecimal digits that change with the containers
    ``ContainerCount``            how many containers there are
    ``RepositoryArns``            repositories of the images, each once, separated by line feeds
    ``ModelDataArns``             the archives, likewise; empty when the images hold the model
    ``ScoringConcurrency``        how many chunks the endpoint processes at once, which a template
                                  cannot multiply
    ============================  ==================================================================

``Custom::Model`` creates the model; ``Ref`` returns its name, which is the physical id. Its
properties are those above and:

    ============================  ==================================================================
    property                      value
    ============================  ==================================================================
    ``Digest``                    the source's; if it differs, the granted objects are not those to
                                  be read
    ``NamePrefix``                prefix of the names of this stack's models, in lower case
    ``ExecutionRoleArn``          the role of the containers
    ``EnableNetworkIsolation``    ``true`` or ``false``
    ``SubnetIds``                 a list, and with it:
    ``SecurityGroupIds``          a list; both missing when the containers run in no VPC of the
                                  account
    ``Tags``                      a list of ``{Key, Value}``, or missing
    ============================  ==================================================================

A model's name is the prefix and a hash of everything that determines the model. So an update
creates a new model beside the old one and a configuration that names it, and moves the endpoint
over; then CloudFormation deletes the old model. A duplicate of a request, by a repeated delivery or
a rollback, finds its model created.

Imports `tailrace_consumers.adapters` and `tailrace_core`.
"""
