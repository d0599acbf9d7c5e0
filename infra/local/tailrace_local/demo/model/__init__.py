"""The demo's model: a scikit-learn regressor of demand, its training, and its server for SageMaker.

Imports `tailrace_local.demo.demand` and nothing else of ours: it runs in an environment with NumPy
and scikit-learn only, as in a container image:

    python -m tailrace_local.demo.model train --output model.tar.gz
    SM_MODEL_DIR=… SAGEMAKER_BIND_TO_PORT=8080 python -m tailrace_local.demo.model serve
"""
