# The panel in a container; docs/container.md says how to run it. No secret is in the image, nor in its history.

# Packages are installed in a stage of their own: pip and its cache stay behind.
FROM python:3.13-slim AS packages
COPY requirements/run.txt /
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /run.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    SMTPADMIN_DATA_DIR=/data \
    STATIC_ROOT=/srv/static

# A number of its own, so that the panel shares no user with the host's.
RUN groupadd --gid 10001 smtpadmin \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin smtpadmin \
 && install --directory --owner=smtpadmin --group=smtpadmin --mode=700 /data

WORKDIR /srv/smtpadmin
COPY --from=packages /venv /venv
COPY . .
# The static files never change in a container, so they are collected now; the key is for this command only.
RUN SECRET_KEY=build python manage.py collectstatic --no-input --verbosity 0 \
 && python -m compileall -q -j 0 config panel smtpadmin

# By number: Kubernetes cannot tell from a name that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 \
  CMD ["python", "-m", "config.healthcheck"]
CMD ["python", "-m", "config.launch"]
