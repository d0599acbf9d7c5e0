"""The demo's model: a scikit-learn regressor of demand, its training, and a server as SageMaker's containers have one.

It runs in an environment that holds NumPy and scikit-learn only, as a container image would:

    python -m tailrace_local.demo.model train --output model.tar.gz
    SM_MODEL_DIR=… SAGEMAKER_BIND_TO_PORT=8080 python -m tailrace_local.demo.model serve
"""
